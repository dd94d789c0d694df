"""The published 96-pixel generator, written out layer by layer, for comparison.

An independent, straight transcription of the architecture of Rudrabha/Wav2Lip: no table, no
folding, no channels-last. Slow and long on purpose.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]


def generate(state: State, mel: Tensor, pictures: Tensor) -> Tensor:
    """(B, 1, 80, 16) and (B, 6, 96, 96) → (B, 3, 96, 96)."""
    return _decoded(state, _encode_sound(state, mel), _encode_picture(state, pictures))


def _encode_sound(state: State, mel: Tensor) -> Tensor:
    a = _conv(state, "audio_encoder.0", mel, 1, 1)
    a = _keep(state, "audio_encoder.1", a)
    a = _keep(state, "audio_encoder.2", a)
    a = _conv(state, "audio_encoder.3", a, (3, 1), 1)
    a = _keep(state, "audio_encoder.4", a)
    a = _keep(state, "audio_encoder.5", a)
    a = _conv(state, "audio_encoder.6", a, 3, 1)
    a = _keep(state, "audio_encoder.7", a)
    a = _keep(state, "audio_encoder.8", a)
    a = _conv(state, "audio_encoder.9", a, (3, 2), 1)
    a = _keep(state, "audio_encoder.10", a)
    a = _conv(state, "audio_encoder.11", a, 1, 0)
    return _conv(state, "audio_encoder.12", a, 1, 0)


def _encode_picture(state: State, pictures: Tensor) -> list[Tensor]:
    f0 = _conv(state, "face_encoder_blocks.0.0", pictures, 1, 3)
    f1 = _conv(state, "face_encoder_blocks.1.0", f0, 2, 1)
    f1 = _keep(state, "face_encoder_blocks.1.1", f1)
    f1 = _keep(state, "face_encoder_blocks.1.2", f1)
    f2 = _conv(state, "face_encoder_blocks.2.0", f1, 2, 1)
    f2 = _keep(state, "face_encoder_blocks.2.1", f2)
    f2 = _keep(state, "face_encoder_blocks.2.2", f2)
    f2 = _keep(state, "face_encoder_blocks.2.3", f2)
    f3 = _conv(state, "face_encoder_blocks.3.0", f2, 2, 1)
    f3 = _keep(state, "face_encoder_blocks.3.1", f3)
    f3 = _keep(state, "face_encoder_blocks.3.2", f3)
    f4 = _conv(state, "face_encoder_blocks.4.0", f3, 2, 1)
    f4 = _keep(state, "face_encoder_blocks.4.1", f4)
    f4 = _keep(state, "face_encoder_blocks.4.2", f4)
    f5 = _conv(state, "face_encoder_blocks.5.0", f4, 2, 1)
    f5 = _keep(state, "face_encoder_blocks.5.1", f5)
    f6 = _conv(state, "face_encoder_blocks.6.0", f5, 1, 0)
    f6 = _conv(state, "face_encoder_blocks.6.1", f6, 1, 0)
    return [f0, f1, f2, f3, f4, f5, f6]


def _decoded(state: State, a: Tensor, seen: list[Tensor]) -> Tensor:
    f0, f1, f2, f3, f4, f5, f6 = seen
    x = _conv(state, "face_decoder_blocks.0.0", a, 1, 0)
    x = torch.cat((x, f6), 1)
    x = _up(state, "face_decoder_blocks.1.0", x, 1, 0, 0)
    x = _keep(state, "face_decoder_blocks.1.1", x)
    x = torch.cat((x, f5), 1)
    x = _up(state, "face_decoder_blocks.2.0", x, 2, 1, 1)
    x = _keep(state, "face_decoder_blocks.2.1", x)
    x = _keep(state, "face_decoder_blocks.2.2", x)
    x = torch.cat((x, f4), 1)
    x = _up(state, "face_decoder_blocks.3.0", x, 2, 1, 1)
    x = _keep(state, "face_decoder_blocks.3.1", x)
    x = _keep(state, "face_decoder_blocks.3.2", x)
    x = torch.cat((x, f3), 1)
    x = _up(state, "face_decoder_blocks.4.0", x, 2, 1, 1)
    x = _keep(state, "face_decoder_blocks.4.1", x)
    x = _keep(state, "face_decoder_blocks.4.2", x)
    x = torch.cat((x, f2), 1)
    x = _up(state, "face_decoder_blocks.5.0", x, 2, 1, 1)
    x = _keep(state, "face_decoder_blocks.5.1", x)
    x = _keep(state, "face_decoder_blocks.5.2", x)
    x = torch.cat((x, f1), 1)
    x = _up(state, "face_decoder_blocks.6.0", x, 2, 1, 1)
    x = _keep(state, "face_decoder_blocks.6.1", x)
    x = _keep(state, "face_decoder_blocks.6.2", x)
    x = torch.cat((x, f0), 1)

    x = _conv(state, "output_block.0", x, 1, 1)
    x = F.conv2d(x, state["output_block.1.weight"], state["output_block.1.bias"])
    return torch.sigmoid(x)


def _norm(state: State, name: str, x: Tensor) -> Tensor:
    return F.batch_norm(
        x,
        state[f"{name}.conv_block.1.running_mean"],
        state[f"{name}.conv_block.1.running_var"],
        state[f"{name}.conv_block.1.weight"],
        state[f"{name}.conv_block.1.bias"],
    )


def _conv(
    state: State, name: str, x: Tensor, stride: int | tuple[int, int], padding: int
) -> Tensor:
    weight, bias = state[f"{name}.conv_block.0.weight"], state[f"{name}.conv_block.0.bias"]
    return F.relu(_norm(state, name, F.conv2d(x, weight, bias, stride, padding)))


def _keep(state: State, name: str, x: Tensor) -> Tensor:
    weight, bias = state[f"{name}.conv_block.0.weight"], state[f"{name}.conv_block.0.bias"]
    return F.relu(_norm(state, name, F.conv2d(x, weight, bias, 1, 1)) + x)


def _up(
    state: State, name: str, x: Tensor, stride: int, padding: int, output_padding: int
) -> Tensor:
    weight, bias = state[f"{name}.conv_block.0.weight"], state[f"{name}.conv_block.0.bias"]
    raised = F.conv_transpose2d(x, weight, bias, stride, padding, output_padding)
    return F.relu(_norm(state, name, raised))
