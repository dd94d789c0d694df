"""Marks are found by the programs of others, survive copies, and show changes."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from heygem_daemon.errors import BadInput
from heygem_daemon.media import boxes
from heygem_daemon.media.image_files import read_image, write_png
from heygem_daemon.media.marking import png, xmp
from heygem_daemon.media.marking.findings import Findings
from heygem_daemon.media.marking.inspect import inspect_file
from heygem_daemon.media.marking.mark import mark_picture, mark_video
from heygem_daemon.media.marking.record import AigcRecord, parse_record
from heygem_daemon.media.verify import InvalidResult
from heygem_daemon.media.video_reader import VideoReader
from tests.media.marking.conftest import RECORD, copy, exiftool, ffprobe_tags, run_program

FIELDS = [
    "Label", "ContentProducer", "ProduceID", "ReservedCode1",
    "ContentPropagator", "PropagateID", "ReservedCode2",
]  # fmt: skip


def places(findings: Findings) -> dict[str, bool | None]:
    """Return where the marks stand, and whether each is unchanged."""
    return {mark.place: mark.unchanged for mark in findings.marks}


def test_ffprobe_finds_the_record_with_the_fields_of_the_standard_in_order(marked: Path) -> None:
    record = json.loads(ffprobe_tags(marked)["AIGC"])
    assert list(record) == FIELDS
    assert record["Label"] == "1"
    assert record["ContentProducer"] == RECORD.producer
    assert record["ProduceID"] == "0123-job"
    assert record["ReservedCode1"].startswith("sha256:")
    assert set(record["ReservedCode1"][7:]) != {"0"}


def test_exiftool_finds_the_record_and_the_digital_source_type(marked: Path) -> None:
    tags = exiftool(marked)
    record = next(text for name, text in tags.items() if name.lower() == "keys:aigc")
    assert (record if isinstance(record, dict) else json.loads(record))["Label"] == "1"
    assert tags["XMP-iptcExt:DigitalSourceType"] == (
        "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    )


def test_the_record_lies_in_keys_and_ilst_of_the_index_which_is_at_the_front(marked: Path) -> None:
    with marked.open("rb") as file:
        kinds = [box.kind for box in boxes.read_boxes(file)]
    assert kinds.index(b"moov") < kinds.index(b"mdat")
    assert kinds[-1] == b"uuid"
    index = marked.read_bytes()[: marked.read_bytes().index(b"mdat")]
    order = [index.index(kind) for kind in (b"udta", b"meta", b"mdta", b"keys", b"ilst")]
    assert order == sorted(order)


def test_pictures_and_sound_are_those_of_the_unmarked_file(joined: Path) -> None:
    before = joined.read_bytes()
    mark_video(joined, RECORD)
    with VideoReader(joined) as reader:
        assert reader.frame_count == 25
    media = before[before.index(b"mdat") :]
    assert media in joined.read_bytes()


def test_a_marked_file_reads_back_as_marked_and_unchanged(marked: Path) -> None:
    findings = inspect_file(marked)
    assert places(findings) == {"AIGC": True, "comment": True, "XMP": True}
    assert findings.source_type == xmp.SOURCE_TYPE
    assert {mark.producer for mark in findings.marks} == {RECORD.producer}


def test_an_unmarked_file_reads_back_as_unmarked(make_video: Callable[..., Path]) -> None:
    assert not inspect_file(make_video("plain.mp4")).is_marked


@pytest.mark.parametrize(
    ("name", "options", "kept"),
    [
        ("copy.mp4", (), {"comment": True}),
        ("copy.mp4", ("-movflags", "use_metadata_tags"), {"AIGC": True, "comment": True}),
        ("copy.mov", ("-movflags", "use_metadata_tags"), {"AIGC": True, "comment": True}),
        ("copy.mkv", (), {"AIGC": True, "comment": True}),
    ],
)
def test_the_record_survives_a_copy_of_the_streams(
    marked: Path, tmp_path: Path, name: str, options: tuple[str, ...], kept: dict[str, bool]
) -> None:
    found = places(inspect_file(copy(marked, tmp_path / name, *options)))
    assert {place: found.get(place) for place in kept} == kept
    assert set(found.values()) == {True}


def test_a_cut_and_a_new_encoding_are_changes(marked: Path, tmp_path: Path) -> None:
    cut = copy(marked, tmp_path / "cut.mp4", "-t", "0.5")
    assert places(inspect_file(cut)) == {"comment": False}
    again = tmp_path / "again.mp4"
    run_program("ffmpeg", "-v", "error", "-i", marked, "-c:v", "mpeg4", again)
    assert places(inspect_file(again)) == {"comment": False}


def test_another_name_in_the_record_is_a_change(marked: Path) -> None:
    data = marked.read_bytes()
    assert data.count(b"0123-job") == 3
    marked.write_bytes(data.replace(b"0123-job", b"0124-job"))
    assert inspect_file(marked).was_changed


def test_a_platforms_own_fields_are_no_change() -> None:
    record = RECORD.with_checksum("content")
    passed_on = replace(record, propagator="platform", propagate_id="7", reserved_code_2="x")
    assert passed_on.matches("content")
    assert not replace(record, producer="somebody else").matches("content")
    assert not record.matches("other content")
    assert replace(record, reserved_code_1="their own").matches("content") is None


def test_marks_that_are_not_in_the_file_are_an_error(joined: Path) -> None:
    with pytest.raises(InvalidResult, match="AIGC, comment"):
        mark_video(joined, replace(RECORD, producer="never muxed"))


def test_a_picture_is_marked_and_shows_changes(tmp_path: Path) -> None:
    path = tmp_path / "strip.png"
    rgb = np.random.default_rng(0).integers(0, 255, (32, 48, 3), np.uint8)
    write_png(path, rgb)
    before = read_image(path)
    mark_picture(path, RECORD)
    after = read_image(path)
    assert (after.y == before.y).all()
    findings = inspect_file(path)
    assert places(findings) == {"XMP": True}
    assert findings.source_type == xmp.SOURCE_TYPE
    other = tmp_path / "other.png"
    write_png(other, 255 - rgb)
    forged = png.with_xmp(other.read_bytes(), png.read_xmp(path.read_bytes()) or b"")
    other.write_bytes(forged)
    assert inspect_file(other).was_changed


def test_exiftool_finds_the_source_type_in_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "strip.png"
    write_png(path, np.zeros((8, 8, 3), np.uint8))
    mark_picture(path, RECORD)
    tags = exiftool(path)
    assert tags["XMP-iptcExt:DigitalSourceType"].endswith("compositeWithTrainedAlgorithmicMedia")
    assert not [name for name in tags if "Warning" in name]


def test_what_is_no_png_is_not_marked(tmp_path: Path) -> None:
    path = tmp_path / "strip.png"
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="not a PNG"):
        mark_picture(path, RECORD)
    assert path.read_bytes() == b"something else"


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "{}", '{"Label":1}', "[" * 500, '{"Label":"1"', '{"Label":"' + "1" * 99_999],
)
def test_a_strangers_record_is_none_or_a_record(text: str) -> None:
    assert parse_record(text) is None


def test_the_packet_of_another_program_is_read_too() -> None:
    attribute = b"<x TC260:AIGC=\"{&quot;Label&quot;:&quot;2&quot;}\" y='1'/>"
    assert xmp.read_record(attribute) == AigcRecord("", "", "2", "")
    element = b"<a:AIGC>{&quot;Label&quot;:&quot;3&quot;}</a:AIGC>"
    assert xmp.read_record(element) == AigcRecord("", "", "3", "")
    assert xmp.read_source_type(b"<r b:DigitalSourceType='urn:x'/>") == "urn:x"
    assert xmp.read_source_type(b"\xff\xfe<<<") is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0\x01uuid",
        b"\0\0\0\x01moov\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\0\0\0\0moov",
        b"\0\0\0\x04moov" * 9,
    ],
)
def test_boxes_that_make_no_sense_end_the_reading(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(data)
    assert boxes.read_uuid(path, boxes.XMP_UUID, 100) is None
    assert png.read_xmp(png.SIGNATURE + data) is None


def test_subtitles_alone_have_nothing_to_mark(tmp_path: Path) -> None:
    text, path = tmp_path / "a.srt", tmp_path / "a.mkv"
    text.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello.\n")
    with av.open(str(text)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams[0])
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    with pytest.raises(BadInput, match=r"a\.mkv holds neither pictures nor sound"):
        inspect_file(path)
