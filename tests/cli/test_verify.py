"""``verify`` reads marks in a confined child process, and its exit status says what it found."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from heygem_daemon.cli.verify import NO_SYNTHETIC_SOURCE, describe
from heygem_daemon.media.image_files import write_png
from heygem_daemon.media.marking.findings import Findings, Mark, SignedManifest
from heygem_daemon.media.marking.inspect import inspect_file
from heygem_daemon.media.marking.mark import mark_picture
from heygem_daemon.media.marking.png import with_xmp
from heygem_daemon.media.marking.record import AigcRecord
from heygem_daemon.media.marking.xmp import build_packet

if TYPE_CHECKING:
    from tests.cli.conftest import Program

RECORD = AigcRecord("Example Media\x1b[31m", "0123")


def make_picture(path: Path, *, marked: bool = True) -> Path:
    write_png(path, np.full((8, 8, 3), 90, np.uint8))
    if marked:
        mark_picture(path, RECORD)
    return path


def test_a_marked_file_ends_with_status_0_and_names_the_producer(
    program: "Program", tmp_path: Path
) -> None:
    done = program("verify", str(make_picture(tmp_path / "a.png")))
    assert done.returncode == 0
    assert "marked as synthetic media" in done.stdout
    assert "by Example Media\\x1b[31m, number 0123" in done.stdout
    assert "unchanged" in done.stdout


def test_an_unmarked_file_ends_with_status_1(program: "Program", tmp_path: Path) -> None:
    done = program("verify", str(make_picture(tmp_path / "a.png", marked=False)))
    assert (done.returncode, done.stdout) == (1, "not marked as synthetic media\n")


def test_a_changed_file_ends_with_status_1_and_says_so(program: "Program", tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.png")
    path.write_bytes(path.read_bytes().replace(b"0123", b"0124"))
    done = program("verify", "--json", str(path))
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert (found["marked"], found["changed"]) == (True, True)
    assert found["marks"][0]["place"] == "XMP"


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_text("x"), lambda _path: 0])
def test_what_is_no_medium_ends_with_status_1_and_a_reason(
    program: "Program", tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "a.mp4")
    done = program("verify", str(tmp_path / "a.mp4"))
    assert done.returncode == 1
    assert "a.mp4" in done.stderr
    assert "Traceback" not in done.stderr


IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def test_a_record_without_our_checksum_is_neither_changed_nor_unchanged(
    program: "Program", tmp_path: Path
) -> None:
    mark = Mark("AIGC", "1", "another", "7", None)
    assert "unknown" in describe(Findings((mark,), None))[-1]
    path = make_picture(tmp_path / "a.png", marked=False)
    packet = build_packet(replace(RECORD, reserved_code_1="their own"))
    path.write_bytes(with_xmp(path.read_bytes(), packet))
    done = program("verify", "--json", str(path))
    found = json.loads(done.stdout)
    assert (done.returncode, found["marked"], found["changed"]) == (1, True, None)


def test_a_recording_of_a_camera_is_not_marked(tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.png", marked=False)
    packet = f'<a b:DigitalSourceType="{IPTC}digitalCapture"/>'
    path.write_bytes(with_xmp(path.read_bytes(), packet.encode()))
    first, *others = describe(inspect_file(path))
    assert first == "not marked as synthetic media"
    assert f"digital source type: {IPTC}digitalCapture" in others
    assert NO_SYNTHETIC_SOURCE in others


def test_a_camera_that_signs_does_not_mark() -> None:
    signed = SignedManifest("valid", "Leica", actions=("c2pa.created",))
    camera = Findings((), None, replace(signed, source_types=(IPTC + "digitalCapture",)))
    assert not camera.is_marked
    assert describe(camera)[0] == "not marked as synthetic media"
    assert "C2PA: signature valid, by Leica, without a time stamp" in describe(camera)
    generated = replace(signed, source_types=(IPTC + "trainedAlgorithmicMedia",))
    assert Findings((), None, generated).is_marked


@pytest.mark.parametrize(
    ("label", "claim", "text"),
    [
        ("1", "synthetic", "marked as synthetic media"),
        ("2", "possible", "may be synthetic: whoever uploaded it said so"),
        ("3", "suspected", "a platform found traces of it"),
        ("9", None, "not marked"),
    ],
)
def test_the_labels_of_the_standard_are_told_apart(
    label: str, claim: str | None, text: str
) -> None:
    findings = Findings((Mark("AIGC", label, "a platform", "7", None),), None)
    assert findings.claim == claim
    assert findings.is_marked == (label == "1")
    assert text in describe(findings)[0]
