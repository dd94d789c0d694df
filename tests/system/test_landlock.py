"""A thread that has given up files, tried from inside, with each version of the interface."""

from itertools import pairwise
from pathlib import Path

import pytest

from heygem_daemon.system import landlock
from tests.system.confined import needs_landlock, run_child

pytestmark = needs_landlock

TRY_FILES = """
mine, theirs, version = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
landlock.abi_version = lambda: version
held = landlock.restrict_thread(read=(), write=(mine,))
print(json.dumps({
    "version": str(held),
    "write mine": attempt(lambda: (mine / "new").write_text("x")),
    "rename mine": attempt(lambda: (mine / "new").rename(mine / "newer")),
    "delete mine": attempt(lambda: (mine / "newer").unlink()),
    "make a folder": attempt(lambda: (mine / "folder").mkdir()),
    "make a link": attempt(lambda: (mine / "link").symlink_to(theirs)),
    "make a FIFO": attempt(lambda: os.mkfifo(mine / "fifo")),
    "link theirs here": attempt(lambda: (mine / "theirs").hardlink_to(theirs / "file")),
    "move theirs here": attempt(lambda: (theirs / "file").rename(mine / "file")),
    "read theirs": attempt(lambda: (theirs / "file").read_bytes()),
    "list theirs": attempt(lambda: os.listdir(theirs)),
    "write theirs": attempt(lambda: (theirs / "new").write_text("x")),
    "delete theirs": attempt(lambda: (theirs / "file").unlink()),
    "start a program": attempt(lambda: subprocess.run(["/bin/true"])),
}))
"""


@pytest.mark.parametrize("version", range(1, 10))
def test_only_the_named_folder_is_within_reach(tmp_path: Path, version: int) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    mine.mkdir()
    theirs.mkdir()
    (theirs / "file").write_text("secret")
    available = landlock.abi_version()
    if version > available and version <= landlock.NEWEST_ABI:
        pytest.skip(f"this kernel has version {available}")
    found = run_child(TRY_FILES, mine, theirs, version)
    assert found.pop("version") == str(min(version, landlock.NEWEST_ABI))
    allowed = {"write mine", "rename mine", "delete mine", "make a folder"}
    assert {name for name, outcome in found.items() if outcome == "done"} == allowed
    assert set(found.values()) <= {"done", "EACCES", "EXDEV"}
    assert [path.name for path in theirs.iterdir()] == ["file"]


def test_a_kernel_that_lacks_what_its_version_promises_gets_the_version_before(
    tmp_path: Path,
) -> None:
    code = """
        real = landlock._syscall
        def refuse_scopes(number, *arguments):
            if number == landlock._CREATE_RULESET and arguments[1].value == 24:
                raise OSError(errno.EINVAL, "no scopes")
            return real(number, *arguments)
        landlock._syscall = refuse_scopes
        landlock.abi_version = lambda: 6
        held = landlock.restrict_thread(read=(), write=())
        print(json.dumps({"held": str(held), "read": attempt(lambda: os.listdir(sys.argv[1]))}))
    """
    if landlock.abi_version() < 5:
        pytest.skip("this kernel has no version 5")
    assert run_child(code, tmp_path) == {"held": "5", "read": "EACCES"}


def test_a_users_file_that_is_a_link_stays_closed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "video.mp4").symlink_to(tmp_path / "secret")
    (tmp_path / "audio.wav").write_text("sound")
    code = """
        folder = Path(sys.argv[1])
        names = ("video.mp4", "audio.wav")
        landlock.restrict_thread((), (), read_without_links=[folder / name for name in names])
        print(json.dumps({name: attempt((folder / name).read_bytes) for name in names}))
    """
    assert run_child(code, tmp_path) == {"video.mp4": "EACCES", "audio.wav": "done"}


def test_a_second_layer_narrows_one_thread_and_what_it_starts(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    code = """
        root, found = Path(sys.argv[1]), {}
        landlock.restrict_thread((), (root,))
        def try_both(who):
            found[who] = " ".join(attempt((root / n / who).touch) for n in ("one", "two"))
        def job(name):
            landlock.restrict_thread((root,), (root / name,))
            try_both(name)
            inner = threading.Thread(target=try_both, args=(name + " inner",))
            inner.start(); inner.join()
            found[name + " widened"] = str(landlock.restrict_thread((), (root,)) > 0)
            try_both(name + " later")
        for name in ("one", "two"):
            thread = threading.Thread(target=job, args=(name,))
            thread.start(); thread.join()
        try_both("main")
        print(json.dumps(found))
    """
    assert run_child(code, tmp_path) == {
        "one": "done EACCES",
        "one inner": "done EACCES",
        "one widened": "True",
        "one later": "done EACCES",
        "two": "EACCES done",
        "two inner": "EACCES done",
        "two widened": "True",
        "two later": "EACCES done",
        "main": "done done",
    }


def test_what_does_not_exist_is_left_out(tmp_path: Path) -> None:
    code = """
        landlock.restrict_thread((Path("/nowhere"),), (Path(sys.argv[1]), Path("/no/such")))
        print(json.dumps({"write": attempt((Path(sys.argv[1]) / "x").touch)}))
    """
    assert run_child(code, tmp_path) == {"write": "done"}


def test_each_version_handles_what_the_one_before_does() -> None:
    rights = [landlock.handled_rights(version) for version in range(1, 8)]
    assert all(later & earlier == earlier for earlier, later in pairwise(rights))
    assert int(rights[0]) == (1 << 13) - 1
    assert int(rights[-1]) == (1 << 16) - 1
