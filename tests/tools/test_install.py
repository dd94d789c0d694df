"""The set-up: which torch it downloads from where, and what a failure leaves."""

import subprocess
import sys
import threading
import tomllib
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tools import install as tool

TORCH = tool.pinned("torch")


class FakeEnvironment:
    """Records what would be installed. ``offers_cuda``: the index has the CUDA build of torch."""

    def __init__(self, *, offers_cuda: bool, installed: bool = False, reachable: bool = True):
        self.offers_cuda = offers_cuda
        self.installed = installed
        self.reachable = reachable
        self.commands: list[tuple[str, ...]] = []

    def install(self, *arguments: str) -> None:
        self.commands.append(arguments)
        if tool.CPU_INDEX in arguments and not self.reachable:
            raise tool.InstallError("no route to host")

    def requirement(self, name: str) -> str:
        return tool.pinned(name)

    def has(self, requirement: str) -> bool:
        return self.installed

    def wants_cuda(self, requirement: str) -> bool:
        return self.offers_cuda


def test_without_a_gpu_torch_comes_from_the_cpu_index() -> None:
    environment = FakeEnvironment(offers_cuda=True)
    tool.install_torch(environment, gpu=False)
    (command,) = environment.commands
    assert command[command.index("--index-url") + 1] == tool.CPU_INDEX
    assert "--no-deps" in command
    assert command[-1] == TORCH


def test_without_a_gpu_the_default_index_is_used_if_it_has_the_cpu_build() -> None:
    environment = FakeEnvironment(offers_cuda=False)
    tool.install_torch(environment, gpu=False)
    assert environment.commands == [(TORCH,)]


def test_with_a_gpu_torch_comes_from_the_default_index() -> None:
    environment = FakeEnvironment(offers_cuda=True)
    tool.install_torch(environment, gpu=True)
    assert environment.commands == [(TORCH,)]


def test_an_installed_torch_is_left_alone() -> None:
    environment = FakeEnvironment(offers_cuda=True, installed=True)
    tool.install_torch(environment, gpu=False)
    assert environment.commands == []


def test_an_unreachable_cpu_index_fails_soon_with_a_remedy() -> None:
    environment = FakeEnvironment(offers_cuda=True, reachable=False)
    with pytest.raises(tool.InstallError, match="PIP_FIND_LINKS=FOLDER"):
        tool.install_torch(environment, gpu=False)
    (command,) = environment.commands
    assert {"--timeout", "--retries"} <= set(command)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        (["numpy>=2", 'nvidia-cublas==13.1; platform_system == "Linux"'], True),
        (["cuda-bindings<14,>=13; platform_system == 'Linux'"], True),
        (["numpy>=2", "sympy"], False),
        ([], False),
    ],
)
def test_the_metadata_says_whether_a_build_needs_cuda(
    needs: list[str], expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _only_index(monkeypatch, _index(tmp_path / "index", needs))
    environment = _environment_of_this_python(tmp_path)
    assert environment.wants_cuda(TORCH) is expected


@pytest.mark.slow
def test_pip_is_quiet_unless_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _only_index(monkeypatch, _index(tmp_path / "index", []))
    environment = _environment_of_this_python(tmp_path)
    environment.pip("--version")
    with pytest.raises(tool.InstallError, match="No matching distribution found"):
        environment.install("--dry-run", "heygem-no-such-package")
    assert capfd.readouterr() == ("", "")


def test_an_installed_package_is_found_in_any_build(tmp_path: Path) -> None:
    environment = _environment_of_this_python(tmp_path)
    installed = version("torch").partition("+")[0]
    assert environment.has(f"torch=={installed}")
    assert not environment.has("torch==0.0.1")
    assert not environment.has("heygem-no-such-package==1.0")


def test_a_folder_with_other_files_is_never_cleared(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(tool.InstallError, match="not a virtual environment"):
        tool.Environment(tmp_path).create()
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.slow
def test_what_an_interrupted_set_up_left_is_cleared(tmp_path: Path) -> None:
    folder = tmp_path / "env"
    venv.create(folder, symlinks=True, with_pip=False)
    (folder / "half").write_text("unpacked")
    tool.Environment(folder).create()
    assert not (folder / "half").exists()
    done = subprocess.run([folder / "bin" / "python", "-m", "pip", "--version"], check=False)
    assert done.returncode == 0


def test_a_python_without_ensurepip_names_the_missing_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, "ensurepip")

    monkeypatch.setattr(venv, "create", fails)
    with pytest.raises(tool.InstallError, match="apt install python3-venv"):
        tool.Environment(tmp_path / "env").create()


def test_a_second_call_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled = _count_fills(monkeypatch)
    for _ in range(2):
        tool.install(tmp_path / "env", tool.Choice())
    assert filled == [True]


def test_new_constraints_are_installed_into_the_same_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = _count_fills(monkeypatch)
    tool.install(tmp_path / "env", tool.Choice(with_dev=False))
    (tmp_path / "env" / "kept").touch()
    tool.install(tmp_path / "env", tool.Choice())
    assert filled == [False, True]
    assert (tmp_path / "env" / "kept").exists()


def test_an_update_that_fails_leaves_no_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _count_fills(monkeypatch)
    folder = tmp_path / "env"
    tool.install(folder, tool.Choice(with_dev=False))

    def fails(*_: object) -> None:
        raise tool.InstallError("no space left")

    monkeypatch.setattr(tool, "fill", fails)
    with pytest.raises(tool.InstallError):
        tool.install(folder, tool.Choice())
    assert not (folder / "installed").exists()


def test_of_several_set_ups_at_once_one_works_and_the_others_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = _count_fills(monkeypatch)
    several = [
        threading.Thread(target=tool.install, args=(tmp_path / "env", tool.Choice()))
        for _ in range(3)
    ]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()
    assert filled == [True]


def test_the_newest_releases_are_asked_for_within_the_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr(tool.Environment, "pip", lambda _, *command: commands.append(command))
    environment = tool.Environment(tmp_path, newest=True)
    tool.fill(environment, tool.Choice(newest=True, cuda=True))
    assert all("--constraint" not in command for command in commands)
    assert (commands[1][-1][:7], commands[1][-1][-3:]) == ("torch>=", ",<3")
    assert commands[-1][-1] == "torchaudio"


def test_the_newest_releases_are_looked_for_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = _count_fills(monkeypatch)
    for choice in (tool.Choice(newest=True), tool.Choice(newest=True), tool.Choice()):
        tool.install(tmp_path / "env", choice)
    assert len(filled) == 2
    monkeypatch.setattr(tool.Choice, "digest", lambda _: "that of tomorrow")
    tool.install(tmp_path / "env", tool.Choice(newest=True))
    assert len(filled) == 3


def test_every_dependency_has_an_upper_bound_also_of_the_extras() -> None:
    project = tomllib.loads((tool.ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert {"c2pa", "heic", "dev"} <= set(extras)
    for requirements in (project["dependencies"], *extras.values()):
        assert [each for each in requirements if ",<" not in each] == []


def test_a_set_up_for_tests_has_every_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr(tool.Environment, "pip", lambda _, *command: commands.append(command))
    monkeypatch.setattr(tool, "install_torch", lambda *_: None)
    project = tomllib.loads((tool.ROOT / "pyproject.toml").read_text())["project"]
    tool.fill(tool.Environment(tmp_path), tool.Choice())
    (wanted,) = [each[-1] for each in commands if "--editable" in each]
    assert wanted.startswith(f"{tool.ROOT}[")
    extras = set(project["optional-dependencies"])
    # Ray is large: the target cluster fetches it for its tests alone, so that no demo does.
    assert set(wanted[:-1].partition("[")[2].split(",")) == extras - {"cluster"}


def test_an_environment_whose_python_is_gone_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = _count_fills(monkeypatch)
    folder = tmp_path / "env"
    tool.install(folder, tool.Choice())
    (folder / "bin" / "python").unlink()
    (folder / "of-the-old-python").touch()
    tool.install(folder, tool.Choice())
    assert len(filled) == 2
    assert not (folder / "of-the-old-python").exists()


def test_an_environment_whose_python_was_upgraded_does_not_run(tmp_path: Path) -> None:
    folder = tmp_path / "env"
    venv.create(folder, symlinks=True, with_pip=False)
    environment = tool.Environment(folder)
    assert not environment.runs()  # it starts, and finds nothing of what was installed
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "pip.py").touch()
    assert environment.runs()


def _count_fills(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Replace the slow parts of a set-up. Each adds ``with_dev`` to the returned list."""
    filled: list[bool] = []

    def create(environment: tool.Environment) -> None:
        venv.create(environment.folder, clear=True, symlinks=True, with_pip=False)
        (packages,) = environment.folder.glob("lib/python*/site-packages")
        (packages / "pip.py").touch()

    def fill(_: tool.Environment, choice: tool.Choice) -> None:
        filled.append(choice.with_dev)

    monkeypatch.setattr(tool.Environment, "create", create)
    monkeypatch.setattr(tool, "fill", fill)
    return filled


def _environment_of_this_python(folder: Path) -> tool.Environment:
    environment = tool.Environment(folder)
    environment.python = Path(sys.executable)
    return environment


def _only_index(monkeypatch: pytest.MonkeyPatch, index: Path) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", index.as_uri())
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)


def _index(folder: Path, needs: list[str]) -> Path:
    """Make a package index with one wheel: the pinned torch, which requires ``needs``."""
    name, version = TORCH.split("==")
    page = folder / name
    page.mkdir(parents=True)
    wheel = f"{name}-{version}-py3-none-any.whl"
    head = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    with zipfile.ZipFile(page / wheel, "w") as archive:
        info = f"{name}-{version}.dist-info"
        metadata = "\n".join(head + [f"Requires-Dist: {need}" for need in needs]) + "\n"
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    (page / "index.html").write_text(f'<a href="{wheel}">{wheel}</a>')
    return folder
