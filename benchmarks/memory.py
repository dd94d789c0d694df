"""Peak memory of a short and of a long job with the same 1080p clip.

``.venv/bin/python -m benchmarks.memory`` prints a table. The clip is the beginning of the demo
video, scaled up to 1080 lines. The sounds are longer, so it plays forward and backward. Each length
has a daemon and a worker of its own, because the peak of a process never falls.
"""

import argparse
import tempfile
import wave
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table

from benchmarks.daemon import MEBIBYTE, render_pairs
from heygem_daemon.media.picture import Picture, Plane
from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.media.video_reader import VideoReader

DEMO = Path(__file__).resolve().parent.parent / "demo"
LINES = 1080


def looped_sound(source: Path, target: Path, seconds: float) -> Path:
    """Write the wav file ``source``, repeated for ``seconds``, to ``target``; return ``target``."""
    with wave.open(str(source)) as given, wave.open(str(target), "wb") as longer:
        longer.setparams(given.getparams())
        once = given.readframes(given.getnframes())
        size = round(seconds * given.getframerate()) * given.getsampwidth() * given.getnchannels()
        longer.writeframes((once * (size // len(once) + 1))[:size])
    return target


def enlarged_clip(source: Path, target: Path, seconds: float) -> Path:
    """Write the first ``seconds`` of ``source``, scaled up to 1080 lines; return ``target``."""
    with VideoReader(source) as reader:
        info = reader.info
        width = round(info.width * LINES / info.height / 2) * 2
        with SegmentWriter(target, width, LINES, info.fps, info.colour) as writer:
            for picture in reader.read_range(0, min(reader.frame_count, round(seconds * info.fps))):
                writer.write(enlarged(picture, width))
    return target


def enlarged(picture: Picture, width: int) -> Picture:
    """Return ``picture`` scaled to ``width`` x 1080."""
    return Picture(
        index=picture.index,
        y=scaled(picture.y, LINES, width),
        u=scaled(picture.u, LINES // 2, width // 2),
        v=scaled(picture.v, LINES // 2, width // 2),
        colour=picture.colour,
    )


def scaled(plane: Plane, height: int, width: int) -> Plane:
    """Return ``plane`` at another size, bicubic."""
    larger = F.interpolate(torch.from_numpy(plane)[None, None], (height, width), mode="bicubic")
    return larger[0, 0].numpy()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, nargs="+", default=[20, 120])
    parser.add_argument("--clip-seconds", type=float, default=10)
    arguments = parser.parse_args()
    table = Table(title=f"peak resident memory, {LINES} lines")
    for column in ("sound, s", "frames", "job, s", "worker, MiB", "supervisor, MiB"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory(prefix="heygem-benchmark-") as folder:
        video = enlarged_clip(
            DEMO / "presenter.mp4", Path(folder) / "clip.mp4", arguments.clip_seconds
        )
        for seconds in arguments.seconds:
            audio = looped_sound(DEMO / "speech.wav", Path(folder) / "sound.wav", seconds)
            run = render_pairs(audio, video, Path(folder) / f"spool-{seconds:g}", ["job"])
            (report,) = run.reports
            table.add_row(
                f"{seconds:g}",
                str(report["output"]["frames"]),
                f"{report['seconds']:.1f}",
                f"{report['peak_rss_bytes'] / MEBIBYTE:.0f}",
                f"{run.supervisor_bytes / MEBIBYTE:.0f}",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
