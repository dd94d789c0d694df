"""The larger generators, written out layer by layer, for comparison.

Independent, straight transcriptions of the 288-pixel variant with PReLU (wav2lip_288x288) and of
the 256-pixel one with spatial attention (as LiveTalking runs it), as their authors define them:
strides, paddings and joins stand here once more, and nothing is shared with our table.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]


def generate_288(state: State, mel: Tensor, pictures: Tensor) -> Tensor:
    """(B, 1, 80, 16) and (B, 6, 288, 288) → (B, 3, 288, 288)."""
    x = _conv(state, "face_encoder_blocks.0.0", pictures, 1, 3)
    seen = [x]
    x = _conv(state, "face_encoder_blocks.1.0", x, 2, 2)
    x = _keep(state, "face_encoder_blocks.1", x, 1)
    seen.append(x)
    for stage, kept in ((2, 2), (3, 3), (4, 2), (5, 2), (6, 1)):
        x = _conv(state, f"face_encoder_blocks.{stage}.0", x, 2, 1)
        x = _keep(state, f"face_encoder_blocks.{stage}", x, kept)
        seen.append(x)
    for stage in (7, 8):
        x = _conv(state, f"face_encoder_blocks.{stage}.0", x, 1, 0)
        x = _conv(state, f"face_encoder_blocks.{stage}.1", x, 1, 0)
        seen.append(x)

    a = _conv(state, "audio_encoder.0", mel, 1, 1)
    a = _residual(state, "audio_encoder.1", a)
    a = _residual(state, "audio_encoder.2", a)
    a = _conv(state, "audio_encoder.3", a, (3, 1), 1)
    a = _residual(state, "audio_encoder.4", a)
    a = _residual(state, "audio_encoder.5", a)
    a = _conv(state, "audio_encoder.6", a, 3, 1)
    a = _residual(state, "audio_encoder.7", a)
    a = _residual(state, "audio_encoder.8", a)
    a = _conv(state, "audio_encoder.9", a, (3, 2), 1)
    a = _residual(state, "audio_encoder.10", a)
    a = _conv(state, "audio_encoder.11", a, 1, 0)
    a = _conv(state, "audio_encoder.12", a, 1, 0)

    y = _conv(state, "face_decoder_blocks.0.0", a, 1, 0)
    y = torch.cat((y, seen.pop()), 1)
    y = _up(state, "face_decoder_blocks.1.0", y, 1, 0, 0)
    y = _keep(state, "face_decoder_blocks.1", y, 1)
    y = torch.cat((y, seen.pop()), 1)
    # 3 → 5 → 9 → 18 → … → 288: the first two do not double.
    for stage, more in ((2, 0), (3, 0), (4, 1), (5, 1), (6, 1), (7, 1), (8, 1)):
        y = _up(state, f"face_decoder_blocks.{stage}.0", y, 2, 1, more)
        y = _keep(state, f"face_decoder_blocks.{stage}", y, 2)
        y = torch.cat((y, seen.pop()), 1)
    return _shown(state, y)


def generate_256(state: State, mel: Tensor, pictures: Tensor) -> Tensor:
    """(B, 1, 80, 16) and (B, 6, 256, 256) → (B, 3, 256, 256). What the file holds under
    ``audio_refine`` is never used."""
    x = _conv(state, "face_encoder_blocks.0.0", pictures, 1, 3)
    x = _keep(state, "face_encoder_blocks.0", x, 3)
    seen = [x]
    for stage in range(1, 7):
        x = _conv(state, f"face_encoder_blocks.{stage}.0", x, 2, 1)
        x = _keep(state, f"face_encoder_blocks.{stage}", x, 3)
        seen.append(x)
    for layer in range(3):
        x = _conv(state, f"face_encoder_blocks.7.{layer}", x, 1, 0)
    seen.append(x)

    a = mel
    for first, stride in ((0, 1), (3, (3, 1)), (6, 3), (9, (3, 2)), (12, 1)):
        a = _conv(state, f"audio_encoder.{first}", a, stride, 1)
        a = _residual(state, f"audio_encoder.{first + 1}", a)
        a = _residual(state, f"audio_encoder.{first + 2}", a)
    a = _conv(state, "audio_encoder.15", a, 1, 0)
    a = _conv(state, "audio_encoder.16", a, 1, 0)

    y = _conv(state, "face_decoder_blocks.0.0", a, 1, 0)
    y = _attended(state, y, seen.pop())
    y = _up(state, "face_decoder_blocks.1.0", y, 1, 0, 0)
    y = _keep(state, "face_decoder_blocks.1", y, 1)
    y = _attended(state, y, seen.pop())
    for stage in range(2, 8):
        y = _up(state, f"face_decoder_blocks.{stage}.0", y, 2, 1, 1)
        y = _keep(state, f"face_decoder_blocks.{stage}", y, 2)
        y = _attended(state, y, seen.pop())
    return _shown(state, y)


def _attended(state: State, y: Tensor, seen: Tensor) -> Tensor:
    both = torch.cat((seen.mean(1, keepdim=True), seen.max(1, keepdim=True).values), 1)
    weight = torch.sigmoid(F.conv2d(both, state["sam.sa.conv1.weight"], padding=3))
    return torch.cat((y * weight + y, seen), 1)


def _shown(state: State, y: Tensor) -> Tensor:
    y = _conv(state, "output_block.0", y, 1, 1)
    y = F.conv2d(y, state["output_block.1.weight"], state["output_block.1.bias"])
    return torch.sigmoid(y)


def _active(state: State, name: str, x: Tensor) -> Tensor:
    slope = state.get(f"{name}.act.weight")
    return F.relu(x) if slope is None else F.prelu(x, slope)


def _norm(state: State, name: str, x: Tensor) -> Tensor:
    kind = f"{name}.conv_block.1"
    return F.batch_norm(
        x,
        state[f"{kind}.running_mean"],
        state[f"{kind}.running_var"],
        state[f"{kind}.weight"],
        state[f"{kind}.bias"],
    )


def _conv(
    state: State, name: str, x: Tensor, stride: int | tuple[int, int], padding: int
) -> Tensor:
    weight, bias = state[f"{name}.conv_block.0.weight"], state[f"{name}.conv_block.0.bias"]
    return _active(state, name, _norm(state, name, F.conv2d(x, weight, bias, stride, padding)))


def _residual(state: State, name: str, x: Tensor) -> Tensor:
    weight, bias = state[f"{name}.conv_block.0.weight"], state[f"{name}.conv_block.0.bias"]
    return _active(state, name, _norm(state, name, F.conv2d(x, weight, bias, 1, 1)) + x)


def _keep(state: State, stage: str, x: Tensor, count: int) -> Tensor:
    for layer in range(1, count + 1):
        x = _residual(state, f"{stage}.{layer}", x)
    return x


def _up(state: State, name: str, x: Tensor, stride: int, padding: int, more: int) -> Tensor:
    weight, bias = state[f"{name}.conv_block.0.weight"], state[f"{name}.conv_block.0.bias"]
    raised = F.conv_transpose2d(x, weight, bias, stride, padding, more)
    return _active(state, name, _norm(state, name, raised))
