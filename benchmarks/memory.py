"""Peak memory of a short and of a long job with the same 1080p clip.

``.venv/bin/python -m benchmarks.memory`` prints a table. The clip is the beginning of the demo
video, scaled up to 1080 lines. The sounds are longer, so it plays forward and backward. Each length
has a daemon and a worker of its own, because the peak of a process never falls.
"""

import argparse
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.clips import DEMO, LINES, enlarged_clip, looped_sound
from benchmarks.daemon import MEBIBYTE, render_pairs


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
