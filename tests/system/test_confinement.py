"""Processes that confine themselves before hostile bytes meet C code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heygem_daemon.system.confinement import (
    PACKAGE,
    Confinement,
    Permissions,
    program_files,
)
from tests.system.confined import needs_landlock, run_child

ROOT = Path(__file__).resolve().parents[2]


@needs_landlock
def test_a_confined_process_reaches_its_own_files_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "theirs").write_text("secret")
    code = """
        import resource
        root = Path(sys.argv[1])
        result = confine_process(Permissions(write=(root / "mine",)))
        assert not result.problem, result
        print(json.dumps({
            "mine": attempt((root / "mine" / "x").touch),
            "theirs": attempt((root / "theirs").read_bytes),
            "socket": attempt(socket.socket),
            "memory": attempt(Path("/proc/meminfo").read_bytes),
            "null": attempt(lambda: Path(os.devnull).write_text("x")),
            "core": str(resource.getrlimit(resource.RLIMIT_CORE)[0]),
        }))
    """
    assert run_child(code, tmp_path) == {
        "mine": "done",
        "theirs": "EACCES",
        "socket": "EPERM",
        "memory": "done",
        "null": "done",
        "core": "0",
    }


@needs_landlock
def test_the_libraries_can_still_be_loaded(tmp_path: Path) -> None:
    # torch for CUDA looks for a driver with the compiler and a temporary file.
    code = """
        import tempfile
        tempfile.tempdir = sys.argv[1]
        confine_process(Permissions(write=(Path(sys.argv[1]),)))
        import av, numpy, torch
        product = (torch.ones(64, 64) @ torch.ones(64, 64)).sum().item()
        print(json.dumps({"product": str(product), "encoder": av.Codec("libx264", "w").name}))
    """
    assert run_child(code, tmp_path) == {"product": "262144.0", "encoder": "libx264"}


def test_a_kernel_without_landlock_is_named_and_the_filter_holds_all_the_same() -> None:
    code = """
        landlock.abi_version = lambda: 0
        result = confine_process(Permissions())
        print(json.dumps({
            "abi": str(result.abi), "text": str(result), "socket": attempt(socket.socket)
        }))
    """
    found = run_child(code)
    assert found["abi"] == "0"
    assert found["socket"] == "EPERM"
    assert "this kernel offers no Landlock" in found["text"]


def test_what_holds_is_said_in_words() -> None:
    assert str(Confinement(6, True)) == (
        "confined: no access to other files, TCP, devices, signals and abstract sockets"
        " (Landlock ABI 6); sockets, programs and other processes (seccomp)"
    )
    assert str(Confinement(2, False, "seccomp: no")) == (
        "confined: no access to other files (Landlock ABI 2); the rest does not hold: seccomp: no"
    )
    assert str(Confinement(problem="Landlock: no")) == "not confined: Landlock: no"


def test_neither_the_working_directory_nor_the_checkout_is_part_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:/opt/more")
    found = program_files()
    assert {PACKAGE, Path(sys.prefix).resolve(), Path("/opt/more")} <= set(found)
    assert not {tmp_path, ROOT, Path("/"), Path()} & set(found)


def test_a_folder_made_anew_is_another_one(tmp_path: Path) -> None:
    folder, spare = tmp_path / "folder", tmp_path / "spare"
    permissions = Permissions(write=(folder,))
    assert permissions.identities() == (None,)
    folder.mkdir()
    first = permissions.identities()
    assert permissions.identities() == first
    folder.rename(spare)
    folder.mkdir()
    assert permissions.identities() != first


@needs_landlock
@pytest.mark.skipif(os.geteuid() != 0, reason="takes another user's rights, which needs root")
def test_other_users_need_no_root() -> None:
    code = (
        "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534);"
        "from heygem_daemon.system.confinement import *;"
        "r = confine_process(Permissions()); assert r.abi and r.filtered, r"
    )
    imported = "import heygem_daemon.system.confinement, ctypes.util;"
    done = subprocess.run([sys.executable, "-c", imported + code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
