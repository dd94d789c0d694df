"""The way of the published inference script, told again in order to be timed.

All pictures are decoded into memory, faces are drawn by batches of 128 in float32 with batch norm
as it was trained, the box is pasted with hard edges, an MPEG-4 file is written, and that is encoded
again beside the sound. (Rudrabha/Wav2Lip, ``inference.py``, with a fixed face box.)
"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from heygem_daemon.engines.base import Box
from heygem_daemon.engines.wav2lip.checkpoint import load_generator
from heygem_daemon.engines.wav2lip.mel import MelSpectrogram, first_steps, windows
from heygem_daemon.engines.wav2lip.network import Generator
from heygem_daemon.media.audio import waveform

BATCH = 128

Picture = NDArray[np.uint8]


def original(checkpoint: Path, audio: Path, video: Path, box: Box, target: Path) -> int:
    """Render ``target`` the original's way; the number of frames."""
    generator, _ = load_generator(checkpoint)
    frames, fps = all_frames(video)
    mels = MelSpectrogram()(waveform(audio))
    count = int(mels.shape[1] * fps / 80)
    shown = [frames[number % len(frames)].copy() for number in range(count)]
    heard = windows(mels, first_steps(count, fps, mels.shape[1]))
    draft = target.with_suffix(".avi")
    with av.open(str(draft), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.height, stream.width = shown[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for start in range(0, count, BATCH):
            part = shown[start : start + BATCH]
            mouths = drawn(generator, part, heard[start : start + BATCH], box)
            for picture, mouth in zip(part, mouths, strict=True):
                picture[box.top : box.bottom, box.left : box.right] = enlarged(mouth, box)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    encode_again(draft, target)
    return count


def all_frames(video: Path) -> tuple[list[Picture], Fraction]:
    """Every picture in BGR, and the rate."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        fps = Fraction(stream.average_rate or 25)
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(stream)]
        return [frame.astype(np.uint8, copy=False) for frame in frames], fps


def drawn(generator: Generator, pictures: list[Picture], mels: Tensor, box: Box) -> Tensor:
    """(N, 3, 96, 96) BGR, 0-1."""
    size = generator.size
    faces = torch.stack(
        [
            F.interpolate(
                torch.from_numpy(picture[box.top : box.bottom, box.left : box.right].copy())
                .permute(2, 0, 1)[None]
                .float(),
                (size, size),
                mode="bilinear",
            )[0]
            for picture in pictures
        ]
    )
    masked = faces.clone()
    masked[:, :, size // 2 :] = 0
    with torch.no_grad():
        mouths: Tensor = generator(mels, torch.cat([masked, faces], 1) / 255)
    return mouths


def enlarged(mouth: Tensor, box: Box) -> Picture:
    """(3, s, s) as uint8 (h, w, 3) of the box's size."""
    larger = F.interpolate(mouth[None] * 255, (box.height, box.width), mode="bilinear")[0]
    return larger.permute(1, 2, 0).byte().numpy()


def encode_again(source: Path, target: Path) -> None:
    """As the script's closing call of the encoder does, with x264's defaults."""
    with av.open(str(source)) as given, av.open(str(target), "w") as container:
        before = given.streams.video[0]
        stream = container.add_stream("libx264", rate=before.average_rate)
        stream.width, stream.height, stream.pix_fmt = before.width, before.height, "yuv420p"
        for frame in given.decode(before):
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
