"""A wheel holds all that the service needs, and works where there is no checkout."""

import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from heygem_daemon import __version__
from heygem_daemon.cli.version import wheel_commit
from tools import install
from tools.install import (
    CONSTRAINTS,
    ROOT,
    Choice,
    Environment,
    InstallError,
    install_wheel,
)
from tools.wheel import build_wheel

pytestmark = pytest.mark.slow

SHARE = f"heygem_daemon-{__version__}.data/data/share"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program, before which no other copy of it is found."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
         "--target", folder, wheel],
        check=True,
    )  # fmt: skip
    return folder


def run(installed: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command outside of the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "HOME": str(installed)}
    return subprocess.run(
        command, cwd=installed, env=environment, capture_output=True, text=True, check=False
    )


def test_every_file_of_the_package_and_of_the_weights_is_in_it(wheel: Path) -> None:
    held = set(ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "-C", ROOT, "ls-files", "heygem_daemon", "weights"],
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    wanted = {each if each.startswith("heygem") else f"heygem_daemon/{each}" for each in tracked}
    assert len(wanted) > 300
    assert wanted - held == set()


def test_the_operators_files_are_in_it(wheel: Path) -> None:
    held = set(ZipFile(wheel).namelist())
    own = f"{SHARE}/heygem-daemon"
    units = {f"{own}/systemd/{each.name}" for each in (ROOT / "systemd").glob("*.*")}
    assert units | {f"{own}/config.toml", f"{own}/samba/smb.conf"} <= held
    assert f"{SHARE}/doc/heygem-daemon/operations.md" in held


def test_the_checkout_stays_as_it_is(wheel: Path) -> None:
    made = {each.name for each in (ROOT / "build").glob("*")}
    assert made.isdisjoint({"lib", "lib64"}), "a build's own; benchmarks keep theirs there too"
    assert not any(name.startswith("bdist") for name in made)
    assert not (ROOT / "heygem_daemon" / "COMMIT").exists()


def test_its_weights_are_found_and_whole_although_others_lie_beside_it(installed: Path) -> None:
    (installed / "weights").mkdir()  # somebody else's
    done = run(installed, str(installed / "bin" / "heygem-daemon"), "weights", "verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(installed / "heygem_daemon" / "weights") in done.stdout


def test_its_engine_can_be_loaded(installed: Path) -> None:
    code = (
        "from heygem_daemon.system.installation import shipped_weights\n"
        "from heygem_daemon.engines.base import Device\n"
        "from heygem_daemon.engines.registry import load_engine\n"
        "import heygem_daemon, pathlib, sys\n"
        "engine = load_engine('builtin', shipped_weights(), Device(), pathlib.Path('cache'), 1)\n"
        "print(engine.name, heygem_daemon.__file__)"
    )
    done = run(installed, sys.executable, "-c", code)
    assert done.stdout.split() == ["builtin", str(installed / "heygem_daemon" / "__init__.py")], (
        done.stderr
    )


def test_it_names_the_commit_that_it_was_built_from(installed: Path) -> None:
    done = run(installed, str(installed / "bin" / "heygem-daemon"), "version")
    commit = wheel_commit(installed / "heygem_daemon")
    assert commit is not None
    assert done.stdout == f"{__version__} (commit {commit})\n"


def test_a_checkout_that_is_no_wheel_names_none(tmp_path: Path) -> None:
    assert wheel_commit(tmp_path) is None


EXTRAS = {"c2pa": "c2pa-python", "heic": "pillow-heif", "notify": "apprise"}


def offline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill ``folder`` with an empty wheel of each pinned package, and let pip find nothing else."""
    folder.mkdir()
    for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        name, pinned, number = line.partition("#")[0].partition(";")[0].strip().partition("==")
        if pinned:
            stub(folder, name.replace("-", "_"), number)
    for name in [each for each in os.environ if each.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


def stub(folder: Path, name: str, number: str) -> None:
    with ZipFile(folder / f"{name}-{number}-py3-none-any.whl", "w") as archive:
        info = f"{name}-{number}.dist-info"
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def test_the_service_with_every_extra_is_installed_from_a_folder_of_wheels(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(tmp_path / "wheels", monkeypatch)
    environment = Environment(tmp_path)
    environment.python = Path(sys.executable)
    pip, report, chosen = environment.pip, tmp_path / "report.json", set[str]()

    def try_out(*arguments: str) -> None:
        """Let pip resolve what it would install with the extras, without doing so."""
        if not arguments[-1].endswith("]"):
            chosen.update(each.partition("==")[0] for each in arguments if "==" in each)
            return
        pip(*arguments, "--dry-run", "--ignore-installed", "--report", str(report))
        for each in json.loads(report.read_text())["install"]:
            chosen.add(each["metadata"]["name"].replace("_", "-").lower())

    monkeypatch.setattr(environment, "pip", try_out)
    monkeypatch.setattr(environment, "has", lambda _: False)
    monkeypatch.setattr(environment, "wants_cuda", lambda _: False)
    monkeypatch.setattr(install, "build_wheel", lambda *_: str(wheel))
    choice = Choice(with_dev=False, service=True, extras=",".join(EXTRAS))
    install.fill(environment, choice)
    assert {*EXTRAS.values(), "heygem-daemon", "torch", "torchaudio", "pip"} <= chosen
    assert "pytest" not in chosen
    next((tmp_path / "wheels").glob("apprise-*")).unlink()
    with pytest.raises(InstallError, match="apprise"):
        install_wheel(environment, "notify")
