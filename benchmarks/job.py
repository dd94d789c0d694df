"""What the demo job costs in time, compared with a plain transcode of its frames, and in memory.

``.venv/bin/python -m benchmarks.job`` prints a table. The plain transcode decodes the same source
pictures and encodes them with the same settings, reader and writer, in the same run (the best of
three). On a shared machine only the ratio means something. The first job loads the engine and
tracks the video; for the second the engine is resident and the track is in the cache.

``--sizes`` measures clips made from the video instead, each cold and warm: all of 480p, 720p, 1080p
and 4K, or those named after it, with the lengths that ``--seconds`` names. ``--as-is`` measures the
given files in the same way, as they are, and ``--portrait`` a recording of 1080x1920. ``--table``
and ``--plot`` name files for a Markdown table and an SVG.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.chart import ratio_chart
from benchmarks.clips import DEMO, looped_sound
from benchmarks.daemon import MEBIBYTE, render_pairs
from benchmarks.sizes import (
    SECONDS,
    SIZES,
    WARM_SKIP_SECONDS,
    ClipCosts,
    markdown_table,
    measure_as_is,
    measure_clips,
    measure_portrait,
)
from heygem_daemon.media.probe import probe_audio
from heygem_daemon.media.timeline import build_timeline, frame_count
from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.protocol import RenderOptions
from heygem_daemon.render.output import encoder_of

REPEATS = 3


def plain_transcode(audio: Path, video: Path, target: Path) -> tuple[float, int]:
    """Decode and encode the frames of a job's result. Returns seconds and number of frames."""
    options = RenderOptions()
    began = time.monotonic()
    with VideoReader(video) as reader:
        info = reader.info
        frames = frame_count(probe_audio(audio).duration, info.fps)
        timeline = build_timeline(reader.timestamps, info.fps, frames, options.loop)
        with SegmentWriter(
            target, info.width, info.height, info.fps, info.colour,
            encoder=encoder_of(options, info),
        ) as writer:  # fmt: skip
            for picture in reader.read_indices(timeline.source_indices.tolist()):
                writer.write(picture)
    return time.monotonic() - began, frames


def add_job(table: Table, name: str, report: dict[str, Any], plain: float) -> None:
    """Add a row for the whole job, from claim to publication, and one for each stage."""
    stages = report["stage_seconds"]
    parts = {f"  {stage}": spent for stage, spent in stages.items()}
    parts["  rest*"] = report["seconds"] - sum(stages.values())
    memory = f"{report['peak_rss_bytes'] / MEBIBYTE:.0f}"
    table.add_section()
    for title, spent in {name: report["seconds"], **parts}.items():
        table.add_row(
            title, f"{spent:.2f}", f"{spent / plain:.1f}", memory if title == name else ""
        )


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--audio", type=Path, default=DEMO / "speech.wav")
    parser.add_argument("--video", type=Path, default=DEMO / "presenter.mp4")
    parser.add_argument("--sizes", nargs="*", choices=[*SIZES])
    parser.add_argument("--seconds", nargs="+", type=int, default=[*SECONDS])
    parser.add_argument("--as-is", action="store_true")
    parser.add_argument("--portrait", action="store_true")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    if arguments.portrait:
        report_costs(arguments, iter([measure_portrait(plain_transcode)]))
    elif arguments.as_is:
        report_costs(arguments, iter([measure_files(arguments.audio, arguments.video)]))
    elif arguments.sizes is None:
        measure_pair(arguments)
    else:
        report_costs(
            arguments,
            measure_clips(
                arguments.video,
                arguments.audio,
                arguments.sizes or [*SIZES],
                arguments.seconds,
                plain_transcode,
            ),
        )


def measure_files(audio: Path, video: Path) -> ClipCosts:
    """Return the costs of a pair as it is; the warm job says a wav file from another place on."""
    seconds = probe_audio(audio).duration
    with VideoReader(video) as reader:
        size = f"{reader.info.width}x{reader.info.height}"
    with tempfile.TemporaryDirectory(prefix="heygem-benchmark-") as name:
        folder = Path(name)
        warm = audio
        if audio.suffix == ".wav":
            warm = looped_sound(audio, folder / "warm.wav", float(seconds), WARM_SKIP_SECONDS)
        return measure_as_is(size, round(seconds), (audio, warm), video, plain_transcode, folder)


def report_costs(arguments: argparse.Namespace, measured: Iterator[ClipCosts]) -> None:
    """Print what is measured; write table and plot after each clip."""
    costs: list[ClipCosts] = []
    for clip in measured:
        costs.append(clip)
        print(markdown_table([clip]).splitlines()[-1], flush=True)
        if arguments.table:
            arguments.table.write_text(markdown_table(costs))
        if arguments.plot:
            arguments.plot.write_text(ratio_chart(costs))
    print(markdown_table(costs))


def measure_pair(pair: argparse.Namespace) -> None:
    """Measure the pair as it is, twice in one daemon, by stage."""
    names = ["first job", "second job"]
    with tempfile.TemporaryDirectory(prefix="heygem-benchmark-") as folder:
        run = render_pairs(pair.audio, pair.video, Path(folder) / "spool", names)
        target = Path(folder) / "plain.mp4"
        plain, frames = min(plain_transcode(pair.audio, pair.video, target) for _ in range(REPEATS))
    table = Table(
        title=f"{pair.video.name} speaks {pair.audio.name}: {frames} frames",
        caption="* engine load (first job only), strip, publication",
    )
    table.add_column("")
    for column in ("seconds", "x plain transcode", "worker peak RSS, MiB"):
        table.add_column(column, justify="right")
    table.add_row("plain transcode", f"{plain:.2f}", "1.0", "")
    for name, report in zip(names, run.reports, strict=True):
        add_job(table, name, report, plain)
    console = Console()
    console.print(table)
    console.print(f"supervisor peak RSS: {run.supervisor_bytes / MEBIBYTE:.0f} MiB")


if __name__ == "__main__":
    main()
