"""Record what MediaPipe's own runtime answers on real faces, for the tests of the torch port.

Usage, in an environment of its own with ``mediapipe==0.10.21`` (it needs numpy 1):

    python training/convert/face_reference.py demo tests/face/data/mediapipe.npz [CLIP ...]

Each picture is stored as the exact 192x192 input of the network, so that only the networks and
the decoding are compared. CLIPs are more videos to take pictures from; their pictures stay out
of the repository (test media), so leave them away when refreshing the committed file.
"""

import argparse
from pathlib import Path
from typing import Any

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.python import packet_creator, packet_getter
from mediapipe.python._framework_bindings.calculator_graph import CalculatorGraph
from numpy.typing import NDArray

SIDE = 192
FRAMES_PER_CLIP = 3
MESH_OUTPUTS = ("mesh", "lips", "left_eye", "right_eye", "left_iris", "right_iris", "flag")
MESH_MODEL = "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite"

TO_TENSOR = """
node {{ calculator: "ImageToTensorCalculator" input_stream: "IMAGE:image"
  output_stream: "TENSORS:input" options {{ [mediapipe.ImageToTensorCalculatorOptions.ext] {{
    output_tensor_width: 192 output_tensor_height: 192
    output_tensor_float_range {{ min: {low} max: 1.0 }} }} }} }}
"""
INFER = """
node {{ calculator: "TfLiteCustomOpResolverCalculator" output_side_packet: "OP_RESOLVER:ops"
  options {{ [mediapipe.TfLiteCustomOpResolverCalculatorOptions.ext] {{ use_gpu: false }} }} }}
node {{ calculator: "InferenceCalculatorCpu" input_stream: "TENSORS:input"
  output_stream: "TENSORS:output" input_side_packet: "OP_RESOLVER:ops"
  options {{ [mediapipe.InferenceCalculatorOptions.ext] {{
    model_path: "{model}" delegate {{ xnnpack {{}} }} }} }} }}
"""


def image(picture: NDArray[np.uint8]) -> mp.Packet:
    """An RGB picture as MediaPipe takes it."""
    return packet_creator.create_image_frame(
        image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture)
    )


def mesh_graph() -> str:
    """A graph that ends in the network's raw outputs, one stream of numbers each."""
    names = [f'output_stream: "{name}_tensor"' for name in MESH_OUTPUTS]
    ranges = [f"ranges {{ begin: {k} end: {k + 1} }}" for k in range(len(MESH_OUTPUTS))]
    split = (
        f'node {{ calculator: "SplitTensorVectorCalculator" input_stream: "output" '
        f"{' '.join(names)} options {{ [mediapipe.SplitVectorCalculatorOptions.ext] "
        f"{{ {' '.join(ranges)} }} }} }}"
    )
    floats = [
        f'node {{ calculator: "TensorsToFloatsCalculator" input_stream: "TENSORS:{name}_tensor" '
        f'output_stream: "FLOATS:{name}" }}'
        for name in MESH_OUTPUTS
    ]
    ends = [f'output_stream: "{name}"' for name in MESH_OUTPUTS]
    head = 'input_stream: "image"\n' + "\n".join(ends)
    return "\n".join(
        [head, TO_TENSOR.format(low="0.0"), INFER.format(model=MESH_MODEL), split, *floats]
    )


def run_mesh(crops: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Raw outputs of the mesh network for crops (N, 192, 192, 3)."""
    graph = CalculatorGraph(graph_config=mesh_graph())
    answers: dict[str, list[list[float]]] = {name: [] for name in MESH_OUTPUTS}
    for name in MESH_OUTPUTS:
        graph.observe_output_stream(
            name,
            lambda stream, packet: answers[stream].append(packet_getter.get_float_list(packet)),
        )
    graph.start_run()
    for k, crop in enumerate(crops):
        graph.add_packet_to_input_stream("image", image(crop).at(k))
        graph.wait_until_idle()
    graph.close()
    return {f"mesh_{name}": np.asarray(rows, np.float32) for name, rows in answers.items()}


def run_detector(pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """For each 192x192 picture its detections (n, 17): score, box (left, top, right, bottom),
    six points x, y; all in the unit square."""
    found = []
    for picture in pictures:
        with mp.solutions.face_detection.FaceDetection(0.6, model_selection=1) as detector:
            detections = detector.process(picture).detections or []
        rows = []
        for detection in detections:
            place = detection.location_data
            box = place.relative_bounding_box
            corners = [box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height]
            points = [v for p in place.relative_keypoints for v in (p.x, p.y)]
            rows.append([detection.score[0], *corners, *points])
        found.append(np.asarray(rows, np.float32).reshape(-1, 17))
    return found


def frames(clip: Path) -> list[NDArray[np.uint8]]:
    """RGB pictures spread over a clip."""
    video = cv2.VideoCapture(str(clip))
    total = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    wanted = {round((k + 0.5) * total / FRAMES_PER_CLIP) for k in range(FRAMES_PER_CLIP)}
    taken = []
    for number in range(total):
        good, picture = video.read()
        if good and number in wanted:
            taken.append(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
    return taken


def letterbox(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The whole picture in a black square of the network's size."""
    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    square = np.zeros((SIDE, SIDE, 3), np.uint8)
    top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    return square


def face_crop(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A square around the largest face, twice its size."""
    with mp.solutions.face_detection.FaceDetection(0.5, model_selection=1) as detector:
        detections = detector.process(picture).detections
    boxes = [d.location_data.relative_bounding_box for d in detections]
    box = max(boxes, key=lambda b: b.width)
    height, width = picture.shape[:2]
    side = 2 * max(box.width * width, box.height * height)
    centre = ((box.xmin + box.width / 2) * width, (box.ymin + box.height / 2) * height)
    scale = SIDE / side
    matrix = np.array(
        [[scale, 0, SIDE / 2 - centre[0] * scale], [0, scale, SIDE / 2 - centre[1] * scale]]
    )
    crop: NDArray[np.uint8] = cv2.warpAffine(
        picture, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE
    )
    return crop


def main() -> None:
    """Take the pictures, run both networks on them, store inputs and answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demo", type=Path, help="folder with presenter.mp4 and astronaut.png")
    parser.add_argument("target", type=Path, help="the npz file to write")
    parser.add_argument("clips", type=Path, nargs="*")
    arguments = parser.parse_args()
    portrait = cv2.imread(str(arguments.demo / "astronaut.png"))
    pictures = [cv2.cvtColor(portrait, cv2.COLOR_BGR2RGB)]
    for clip in (arguments.demo / "presenter.mp4", *arguments.clips):
        pictures += frames(clip)
    inputs = np.stack([letterbox(picture) for picture in pictures])
    crops = np.stack([face_crop(picture) for picture in pictures])
    found = run_detector(inputs)
    stored: dict[str, Any] = {
        "detector_inputs": inputs,
        "detections": np.concatenate(found),
        "detection_counts": np.array([len(rows) for rows in found]),
        "mesh_inputs": crops,
        **run_mesh(crops),
    }
    np.savez_compressed(arguments.target, **stored)
    print(f"{arguments.target}: {arguments.target.stat().st_size} bytes, {len(pictures)} pictures")


if __name__ == "__main__":
    main()
