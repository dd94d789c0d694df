"""Build a wheel that holds all that the service needs: the program, its weights and the operator's
files. ``python tools/wheel.py FOLDER`` writes it there, and prints its path.

It needs pip and setuptools in the Python that runs it, and downloads nothing. The checkout stays
as it is, because a copy is built.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (
    "heygem_daemon", "weights", "systemd", "docs", "pyproject.toml", "setup.py", "config.toml",
    "README.md", "CHANGELOG.md", "LICENSE", "NOTICE",
)  # fmt: skip
LITTER = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info")


class WheelError(Exception):
    """The wheel cannot be built; the message has pip's output."""


def build_wheel(folder: Path) -> Path:
    """Build the wheel into ``folder`` and return its path. Raises WheelError."""
    with tempfile.TemporaryDirectory(prefix="heygem-wheel-") as name:
        copy, built = Path(name, "source"), Path(name, "built")
        copy.mkdir()
        for source in SOURCES:
            _copy(ROOT / source, copy / source)
        (copy / "heygem_daemon" / "COMMIT").write_text(_commit())
        command = [
            sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet",
            "--no-deps", "--no-build-isolation", "--wheel-dir", str(built), str(copy),
        ]  # fmt: skip
        done = subprocess.run(
            command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode != 0:
            raise WheelError(f"the wheel cannot be built:\n{done.stdout.strip()}")
        (wheel,) = built.glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, folder))


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=LITTER)
    else:
        shutil.copy(source, target)


def _commit() -> str:
    """Return the shortened commit of the checkout; empty where git does not tell."""
    # A repository of another user is read, too: the commit is only shown.
    command = [
        "git",
        "-c",
        f"safe.directory={ROOT}",
        "-C",
        str(ROOT),
        "rev-parse",
        "--short=7",
        "HEAD",
    ]
    try:
        done = subprocess.run(command, check=False, text=True, capture_output=True)
    except OSError:
        return ""
    return done.stdout.strip()


def main() -> int:
    """Build the wheel and print its path."""
    parser = argparse.ArgumentParser(description="Build a wheel of the daemon, with its weights.")
    parser.add_argument("folder", type=Path, help="where to write it")
    try:
        print(build_wheel(parser.parse_args().folder.absolute()))
    except WheelError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
