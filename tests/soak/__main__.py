"""Run a daemon for hours and see whether anything grows.

``.venv/bin/python -m tests.soak --hours 1``: jobs of all kinds, kills of workers and of the daemon,
reloads, a disk that fills up (as root: a small disk is mounted), a share that goes away. Prints a
table. Exit status 1 if memory grows by more than 3 %, a descriptor or a thread leaks, the log grows
ever faster, or a job is lost. A worker is judged from its fourth job on. With ``--real`` the
workers render the demo's clip.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.soak.campaign import Soak, SoakPlan, SoakResult, disk
from tests.soak.figures import table


def describe(result: SoakResult) -> str:
    """Return the table, and what is wrong."""
    troubles = ", ".join(f"{name} {count}" for name, count in result.troubles.items())
    lines = [
        f"{result.jobs} jobs; {troubles}; kill daemon {result.daemon_kills}",
        "",
        table(result.rows),
        *(result.wrong or ["all bars hold"]),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse the arguments, run the soak and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=0.0, help="seconds between two jobs")
    parser.add_argument("--real", action="store_true", help="real workers and media")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as name, disk(Path(name)):
        folder = Path(name)
        sound, video = real_media(folder) if arguments.real else (None, None)
        plan = SoakPlan(
            arguments.hours * 3600,
            arguments.seed,
            drop_seconds=arguments.every,
            sound=sound,
            video=video,
        )
        result = Soak(folder, plan).run()
    sys.stdout.write(describe(result))
    sys.exit(1 if result.wrong else 0)


def real_media(folder: Path) -> tuple[Path, Path]:
    """Return a second of the demo's speech, and half a second of its video."""
    from tests.chain.conftest import DEMO, cut_sound  # noqa: PLC0415 - loads torch

    sound, video = folder / "sound.wav", folder / "video.mp4"
    cut_sound(sound, 1.0)
    video.write_bytes((DEMO / "presenter.mp4").read_bytes())
    return sound, video


if __name__ == "__main__":
    main()
