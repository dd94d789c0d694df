"""The Makefile: which Python and which environment its targets use."""

import os
import subprocess
from pathlib import Path

import pytest

from tools.install import ROOT


@pytest.mark.parametrize("newest", ["python3.14", "python3.13", "python3"])
def test_each_python_has_an_environment_of_its_own(tmp_path: Path, newest: str) -> None:
    """So a newer Python that is installed later is used, and not the environment of the old."""
    for name in ("python3.14", "python3.13", "python3.12"):
        _program(tmp_path / name, "exit 1")
    _program(tmp_path / newest, "exit 0")
    wanted = _dry_run(tmp_path, "test-newest")
    assert f"{newest} tools/install.py .venv-newest-{newest} --newest" in wanted
    assert f".venv-newest-{newest}/bin/python -m pytest" in wanted


def test_a_python_named_by_its_path_gives_one_folder(tmp_path: Path) -> None:
    for name in ("python3.14", "python3.13", "python3.12"):
        _program(tmp_path / name, "exit 1")
    python = _program(tmp_path / "python3.11", "exit 0")
    wanted = _dry_run(tmp_path, "test-newest", f"PYTHON={python}")
    assert f"{python} tools/install.py .venv-newest-python3.11 --newest" in wanted


def test_clean_removes_the_environments_of_all_pythons(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    for name in (".venv-newest-python3.13", ".venv-newest-python3.14"):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}.lock").touch()
    subprocess.run(["make", "-C", tmp_path, "clean"], check=True, capture_output=True)
    assert [each.name for each in tmp_path.iterdir()] == ["Makefile"]


def _program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def _dry_run(first_on_path: Path, *arguments: str) -> str:
    """Return the commands that ``make`` would run."""
    done = subprocess.run(
        ["make", "--dry-run", "-C", ROOT, *arguments],
        # Nothing else: a make that runs this test hands its own variables down.
        env={"PATH": f"{first_on_path}:{os.environ['PATH']}"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout
