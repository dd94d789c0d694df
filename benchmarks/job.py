"""What the demo job costs: against a plain transcode of the same frames, and in memory.

``.venv/bin/python benchmarks/job.py`` prints a table. The plain transcode decodes the same source
pictures and encodes them with the same settings, through the same reader and writer, in the same
run; only the ratio means anything on a shared machine. The first job tracks the video, the second
finds it in the cache and its engine resident.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from heygem_daemon.media.probe import probe_audio
from heygem_daemon.media.reader import VideoReader
from heygem_daemon.media.timeline import frame_count, timeline_for
from heygem_daemon.media.writer import SegmentWriter
from heygem_daemon.worker.protocol import RenderOptions

DEMO = Path(__file__).resolve().parent.parent / "demo"
MEBIBYTE = 1 << 20


def plain_transcode(audio: Path, video: Path, target: Path) -> tuple[float, int]:
    """Decode and encode the frames that a job would show; seconds and frames."""
    options = RenderOptions()
    began = time.monotonic()
    with VideoReader(video) as reader:
        info = reader.info
        frames = frame_count(probe_audio(audio).duration, info.fps)
        timeline = timeline_for(reader.timestamps, info.fps, frames, options.loop)
        with SegmentWriter(
            target, info.width, info.height, info.fps, info.colour,
            crf=options.crf, preset=options.preset,
        ) as writer:  # fmt: skip
            for picture in reader.sequence(timeline.sources.tolist()):
                writer.write(picture)
    return time.monotonic() - began, frames


def run_jobs(audio: Path, video: Path, spool: Path, names: list[str]) -> int:
    """Work the same pair off under several names; the supervisor's peak RSS in bytes."""
    inbox = spool / "inbox"
    inbox.mkdir(parents=True)
    for name in names:
        shutil.copyfile(audio, inbox / f"{name}{audio.suffix}")
        shutil.copyfile(video, inbox / f"{name}{video.suffix}")
    command = [str(Path(sys.executable).with_name("heygem-daemon")), "once"]
    with (spool / "console.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=os.environ | {"HEYGEM_SPOOL": str(spool)}, stdout=log, stderr=log
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit((spool / "console.log").read_text())
    return usage.ru_maxrss * 1024


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--audio", type=Path, default=DEMO / "speech.wav")
    parser.add_argument("--video", type=Path, default=DEMO / "presenter.mp4")
    pair = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="heygem-benchmark-") as folder:
        spool = Path(folder) / "spool"
        names = ["first", "second"]
        supervisor = run_jobs(pair.audio, pair.video, spool, names)
        plain, frames = plain_transcode(pair.audio, pair.video, Path(folder) / "plain.mp4")
        reports = [json.loads((spool / "outbox" / f"{name}.json").read_text()) for name in names]
    table = Table(title=f"{pair.video.name} speaks {pair.audio.name}: {frames} frames")
    for column in ("", "seconds", "x plain transcode", "worker peak RSS, MiB"):
        table.add_column(column, justify="right")
    table.add_row("plain transcode", f"{plain:.2f}", "1.0", "")
    for name, report in zip(names, reports, strict=True):
        seconds = sum(report["stage_seconds"].values())
        peak = report["peak_rss_bytes"] / MEBIBYTE
        table.add_row(f"{name} job", f"{seconds:.2f}", f"{seconds / plain:.1f}", f"{peak:.0f}")
        for stage, spent in report["stage_seconds"].items():
            table.add_row(f"  {stage}", f"{spent:.2f}", f"{spent / plain:.1f}", "")
    console = Console()
    console.print(table)
    console.print(f"supervisor peak RSS: {supervisor / MEBIBYTE:.0f} MiB")


if __name__ == "__main__":
    main()
