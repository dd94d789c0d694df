"""The steps of Wav2Lip's published inference script, reproduced so that they can be timed.

It decodes all pictures into memory, generates faces in batches of 128 in float32 with unfolded
batch norm, pastes the box with hard edges, writes an MPEG-4 file, and encodes that again with the
sound (Rudrabha/Wav2Lip, ``inference.py``, with a fixed face box). The network is loaded beforehand,
which favours the script.
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
from heygem_daemon.engines.wav2lip.mel import MelSpectrogram, cut_windows, window_starts
from heygem_daemon.engines.wav2lip.network import Generator
from heygem_daemon.media.audio_measurement import measure_audio
from heygem_daemon.media.audio_track import COMPATIBLE, add_aac, encode
from heygem_daemon.media.waveform import read_waveform

BATCH = 128

DRAFT_BITS_A_PIXEL, DRAFT_GOP = 1.5, 12
"""Rate and keyframes of the MPEG-4 file, as OpenCV's ``VideoWriter`` sets them
(opencv/opencv, ``modules/videoio/src/cap_ffmpeg_impl.hpp``)."""

Picture = NDArray[np.uint8]


def original(generator: Generator, audio: Path, video: Path, box: Box, target: Path) -> int:
    """Render ``target`` with the steps of the script. Returns the number of frames."""
    frames, fps = all_frames(video)
    mels = MelSpectrogram()(read_waveform(audio))
    count = int(mels.shape[1] * fps / 80)
    windows = cut_windows(mels, window_starts(count, fps, mels.shape[1]))
    draft = target.with_suffix(".avi")
    with av.open(str(draft), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = round(DRAFT_BITS_A_PIXEL * fps * stream.width * stream.height)
        stream.codec_context.bit_rate_tolerance = stream.bit_rate
        stream.gop_size = DRAFT_GOP
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            part = [frames[number % len(frames)].copy() for number in numbers]
            mouths = generate(generator, part, windows[start : start + BATCH], box)
            for picture, mouth in zip(part, mouths, strict=True):
                picture[box.top : box.bottom, box.left : box.right] = enlarged(mouth, box)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    encode_again(draft, audio, target)
    return count


def all_frames(video: Path) -> tuple[list[Picture], Fraction]:
    """Return every picture in BGR, and the frame rate."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        fps = Fraction(stream.average_rate or 25)
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(stream)]
        return [frame.astype(np.uint8, copy=False) for frame in frames], fps


def generate(generator: Generator, pictures: list[Picture], mels: Tensor, box: Box) -> Tensor:
    """Return the generated faces, (N, 3, 96, 96) BGR, 0-1."""
    size = generator.size
    parts = [picture[box.top : box.bottom, box.left : box.right] for picture in pictures]
    faces = torch.cat([resized(part, size, size) for part in parts]).float()
    masked = faces.clone()
    masked[:, :, size // 2 :] = 0
    with torch.no_grad():
        mouths: Tensor = generator(mels, torch.cat([masked, faces], 1) / 255)
    return mouths


def enlarged(mouth: Tensor, box: Box) -> Picture:
    """Return a face (3, s, s), 0-1, as uint8 (h, w, 3) of the box's size."""
    picture = (mouth * 255).byte().permute(1, 2, 0).contiguous().numpy()
    return resized(picture, box.height, box.width)[0].permute(1, 2, 0).numpy()


def resized(picture: Picture, height: int, width: int) -> Tensor:
    """Return a picture, uint8 (h, w, 3), as uint8 (1, 3, height, width), bilinear."""
    planes = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
    return F.interpolate(planes, (height, width), mode="bilinear")


def encode_again(source: Path, audio: Path, target: Path) -> None:
    """Encode as the script's last call of ffmpeg does, with x264's defaults and AAC sound."""
    with av.open(str(source)) as draft, av.open(str(target), "w") as container:
        before = draft.streams.video[0]
        before.thread_type = "AUTO"
        stream = container.add_stream("libx264", rate=before.average_rate)
        stream.width, stream.height, stream.pix_fmt = before.width, before.height, "yuv420p"
        stream.thread_type = "FRAME"
        measured = measure_audio(audio)
        sound = encode(audio, add_aac(container, measured), measured, COMPATIBLE)
        for frame in draft.decode(before):
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
        for packet in sound:
            container.mux(packet)
