"""What cannot be opened is refused with the same answer, and without loading more for it."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.errors import BadInput
from heygem_daemon.media import first_look, probe
from heygem_daemon.service.prober import COMMAND
from tests.fuzz.media import VIDEOS, clips

HEADS = (300,)
STRAYS = {
    "noise": random.Random(1).randbytes(5000),
    "text": b"This is a document.\n" * 50,
    "zip": b"PK\x03\x04" + bytes(500),
    "sound": b"sound",
    "wav of no length": b"RIFF\0\0\0\0WAVEfmt ",
    "mp4 without its index": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\x10\0mdat" + bytes(99),
}


def answers(path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> set[object]:
    """Return the different answers of both programs: status and content."""
    found: set[object] = set()
    for main in (first_look.main, probe.main):
        status = main([str(path), kind])
        line = capsys.readouterr().out.partition("\n")[0]
        found.add((status, MediaContent.from_json(line.encode())))
    return found


def test_both_programs_give_the_same_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, seen = tmp_path / "file", set[object]()
    contents = [(clip, "video" if name in VIDEOS else "audio") for name, clip in clips().items()]
    contents += [
        (clip[:length], kind) for clip, kind in contents for length in (*HEADS, len(clip) // 2)
    ]
    contents += [(stray, kind) for stray in STRAYS.values() for kind in ("audio", "video")]
    for content, kind in contents:
        path.write_bytes(content)
        found = answers(path, kind, capsys)
        assert len(found) == 1, (len(content), content[:16])
        seen |= found
    assert len(seen) > 3


@pytest.mark.parametrize("length", [4, 20, 27])
def test_an_ogg_file_without_a_whole_page_is_refused(tmp_path: Path, length: int) -> None:
    """Its worker took that for a bug."""
    path = tmp_path / "talk.ogg"
    path.write_bytes(clips()["ogg"][:length])
    with pytest.raises(BadInput):
        probe.probe_audio(path)


@pytest.mark.parametrize("thing", ["gone", "link", "folder", "pipe"])
def test_nor_is_what_is_no_file_opened(
    tmp_path: Path, thing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file.mp4"
    if thing == "link":
        path.symlink_to(__file__)
    elif thing == "folder":
        path.mkdir()
    elif thing == "pipe":
        os.mkfifo(path)
    assert answers(path, "video", capsys) == {(1, MediaContent())}


@pytest.mark.parametrize("name", sorted(STRAYS.keys() - {"wav of no length"}))
def test_what_cannot_be_opened_costs_no_more_than_to_open_it(tmp_path: Path, name: str) -> None:
    """The libraries that examining takes cost three times as much."""
    path = tmp_path / "file.mp4"
    path.write_bytes(STRAYS[name])
    code = (
        "import importlib, sys; main = importlib.import_module(sys.argv.pop(1)).main;"
        "status = main(sys.argv[1:]);"
        "print(status, [each for each in ('numpy', 'PIL', 'pydantic') if each in sys.modules])"
    )
    command = [sys.executable, "-c", code, COMMAND[-1], "--confine", str(path), "video"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "1 []"
