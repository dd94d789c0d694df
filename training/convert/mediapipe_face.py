"""Convert MediaPipe's face detector and face mesh from TensorFlow Lite to safetensors.

Usage, in this project's environment with ``tflite==2.18.0`` and ``flatbuffers`` added, and the
wheel of ``mediapipe==0.10.21`` unpacked into MODULES's parent (it need not be installed):

    python training/convert/mediapipe_face.py MEDIAPIPE/modules weights/builtin

The layers are taken in the order in which the networks were built; the torch modules define
theirs in the same order. Weights are stored as float16, as MediaPipe ships them.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tflite
import torch
from flatbuffers import flexbuffers
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from heygem_daemon.device.weights import atomic_weights_file
from heygem_daemon.face.networks.detector import FaceDetector
from heygem_daemon.face.networks.mesh import FaceMesh

DETECTOR = "face_detection/face_detection_full_range_sparse.tflite"
MESH = "face_landmark/face_landmark_with_attention.tflite"
NAMED_OUTPUTS = {
    "output_mesh": "head.outputs.mesh",
    "conv_faceflag": "head.outputs.present",
    "conv_lips": "lips.contour.head.outputs.points",
    "conv_left_eye": "left_eye.contour.head.outputs.points",
    "conv_left_iris": "left_eye.iris.head.outputs.points",
    "conv_right_eye": "right_eye.contour.head.outputs.points",
    "conv_right_iris": "right_eye.iris.head.outputs.points",
}
OPERATOR_NAMES = {
    value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)
}


class Graph:
    """The first subgraph of a TensorFlow Lite file, with its constants unpacked."""

    def __init__(self, path: Path) -> None:
        self.model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
        self.graph = self.model.Subgraphs(0)
        self.operators = [self.graph.Operators(k) for k in range(self.graph.OperatorsLength())]
        self.producers = {int(op.Outputs(0)): op for op in self.operators}

    def kind(self, operator: tflite.Operator) -> str:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        name = OPERATOR_NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        custom: str = code.CustomCode().decode() if name == "CUSTOM" else name
        return custom

    def name(self, tensor: int) -> str:
        return str(self.graph.Tensors(tensor).Name().decode())

    def constant(self, tensor: int) -> NDArray[np.float32]:
        """A constant tensor, through the DEQUANTIZE and DENSIFY operators before it."""
        if tensor in self.producers:
            return self.constant(int(self.producers[tensor].Inputs(0)))
        info = self.graph.Tensors(tensor)
        dtype = {tflite.TensorType.FLOAT16: np.float16, tflite.TensorType.FLOAT32: np.float32}
        raw = self.model.Buffers(info.Buffer()).DataAsNumpy().view(dtype[info.Type()])
        shape = tuple(int(n) for n in info.ShapeAsNumpy())
        sparsity = info.Sparsity()
        values = raw.reshape(shape) if sparsity is None else densify(raw, shape, sparsity)
        return values.astype(np.float32)


def densify(
    values: NDArray[np.generic], shape: tuple[int, ...], sparsity: tflite.SparsityParameters
) -> NDArray[np.generic]:
    """Unpack TensorFlow Lite's sparse tensor: a tree of dimensions, dense or CSR, whose last
    levels may be positions inside blocks (tensorflow/lite/schema/schema.fbs)."""
    order = [int(d) for d in sparsity.TraversalOrderAsNumpy()]
    block_map = [int(d) for d in sparsity.BlockMapAsNumpy()] if sparsity.BlockMapLength() else []
    levels = [sparsity.DimMetadata(k) for k in range(len(order))]
    blocks = {axis: levels[len(shape) + k].DenseSize() for k, axis in enumerate(block_map)}
    positions: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    for level in levels:
        positions = list(descend(level, positions))
    dense = np.zeros(shape, values.dtype)
    for slot, path in positions:
        index = [0] * len(shape)
        for axis, step in zip(order, path, strict=True):
            if axis < len(shape):
                index[axis] += step * blocks.get(axis, 1)
            else:
                index[block_map[axis - len(shape)]] += step
        dense[tuple(index)] = values[slot]
    return dense


def descend(
    level: tflite.DimensionMetadata, positions: list[tuple[int, tuple[int, ...]]]
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """One level further down a sparse tensor's tree: (number of the node, its path)."""
    if level.Format() == tflite.DimensionType.DENSE:
        size = level.DenseSize()
        for node, path in positions:
            for step in range(size):
                yield node * size + step, (*path, step)
        return
    segments = index_vector(level.ArraySegmentsType(), level.ArraySegments())
    indices = index_vector(level.ArrayIndicesType(), level.ArrayIndices())
    for node, path in positions:
        for slot in range(segments[node], segments[node + 1]):
            yield slot, (*path, int(indices[slot]))


def index_vector(kind: int, table: "tflite.Table") -> NDArray[np.int64]:
    """Segments or indices of a sparse dimension, whichever integer width they are stored in."""
    vector = {
        tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
        tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
        tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
    }[kind]()
    vector.Init(table.Bytes, table.Pos)
    return np.asarray(vector.ValuesAsNumpy(), np.int64)


Layer = dict[str, torch.Tensor]


def layer(graph: Graph, operator: tflite.Operator) -> Layer:
    """Weights of a convolution or PReLU in torch's layout."""
    weight = graph.constant(operator.Inputs(1))
    kind = graph.kind(operator)
    if kind == "PRELU":
        return {"weight": torch.from_numpy(weight.reshape(-1).copy())}
    axes = (3, 0, 1, 2) if kind == "DEPTHWISE_CONV_2D" else (0, 3, 1, 2)
    return {
        "weight": torch.from_numpy(weight.transpose(axes).copy()),
        "bias": torch.from_numpy(graph.constant(operator.Inputs(2)).copy()),
    }


def kind_of(module: nn.Module) -> str:
    """The operator that a torch layer stands for."""
    if isinstance(module, nn.PReLU):
        return "PRELU"
    depthwise = isinstance(module, nn.Conv2d) and module.groups > 1
    return "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"


def fill(module: nn.Module, named: dict[str, Layer], queues: dict[str, list[Layer]]) -> None:
    """Give every layer of ``module`` its weights: by name, else the next of its kind.

    A convolution over the whole of its input is a linear layer in torch.
    """
    for name, child in module.named_modules():
        if isinstance(child, nn.Conv2d | nn.Linear | nn.PReLU):
            found = named[name] if name in named else queues[kind_of(child)].pop(0)
            if isinstance(child, nn.Linear):
                found = found | {"weight": found["weight"].flatten(1)}
            child.load_state_dict(found)
    assert not any(queues.values()), "layers left over"


def convert_detector(graph: Graph) -> FaceDetector:
    """Layers are built in the order in which they run."""
    queues: dict[str, list[Layer]] = {"CONV_2D": [], "DEPTHWISE_CONV_2D": []}
    for operator in graph.operators:
        if graph.kind(operator) in queues:
            queues[graph.kind(operator)].append(layer(graph, operator))
    module = FaceDetector()
    fill(module, {}, queues)
    return module


def convert_mesh(graph: Graph) -> FaceMesh:
    """Branches run interleaved; the number in a layer's name tells when it was built."""
    numbered: dict[str, dict[int, Layer]] = {"CONV_2D": {}, "DEPTHWISE_CONV_2D": {}, "PRELU": {}}
    named: dict[str, Layer] = {}
    module = FaceMesh()
    regions = iter((module.lips, module.left_eye, module.right_eye))
    for operator in graph.operators:
        kind = graph.kind(operator)
        if kind in numbered:
            name = graph.name(operator.Outputs(0))
            number = re.fullmatch(r"(?:conv2d|depthwise_conv2d|p_re_lu)(?:_(\d+))?", name)
            if name in NAMED_OUTPUTS:
                named[NAMED_OUTPUTS[name]] = layer(graph, operator)
            else:
                assert number, name
                numbered[kind][int(number[1] or 0)] = layer(graph, operator)
        elif kind == "Landmarks2TransformMatrix":
            options = flexbuffers.Loads(bytes(operator.CustomOptionsAsNumpy()))
            region = next(regions)
            assert region.corners == (options["left_rotation_idx"], options["right_rotation_idx"])
            region.points.copy_(torch.tensor(options["subset_idxs"]))
    queues = {kind: [layers[k] for k in sorted(layers)] for kind, layers in numbered.items()}
    fill(module, named, queues)
    return module


def save(module: nn.Module, target: Path) -> None:
    """Write a module's weights in half precision."""
    tensors = {
        name: tensor.half() if tensor.is_floating_point() else tensor.to(torch.int16)
        for name, tensor in module.state_dict().items()
    }
    metadata = {"source": "mediapipe 0.10.21", "license": "Apache-2.0"}
    with atomic_weights_file(target) as draft:
        save_file(tensors, draft, metadata)
    print(f"{target}: {target.stat().st_size} bytes, {len(tensors)} tensors")


def main() -> None:
    """Convert both networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", type=Path, help="the folder mediapipe/modules of the wheel")
    parser.add_argument("target", type=Path, help="folder for the safetensors files")
    arguments = parser.parse_args()
    detector = convert_detector(Graph(arguments.modules / DETECTOR))
    save(detector, arguments.target / "face_detector.safetensors")
    save(convert_mesh(Graph(arguments.modules / MESH)), arguments.target / "face_mesh.safetensors")


if __name__ == "__main__":
    main()
