"""A file that is exchanged for a link while it is read does not lead elsewhere."""

import ast
import fcntl
import os
import re
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import heygem_daemon
from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.config.media_limits import MediaLimits
from heygem_daemon.errors import BadInput, EnvironmentFault, SpoolUnavailable
from heygem_daemon.media.first_look import find_refusal
from heygem_daemon.media.guard import MediaGuard
from heygem_daemon.media.photograph import ImageFile
from heygem_daemon.media.probe import probe_audio, probe_video, read_content, require_both_ends
from heygem_daemon.media.regular_file import open_regular
from heygem_daemon.media.source import PROTOCOLS, open_media
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.protocol import Render
from heygem_daemon.render.inputs import probe_inputs, require_disk_space_for, require_no_links
from heygem_daemon.render.unchanged import InputWatch, require_hashes
from heygem_daemon.system import paths
from tests.fakes.accounts import without_rights
from tests.media.tiny_files import encode_tone, encode_video

PACKAGE = Path(heygem_daemon.__file__).parent
OPENERS = re.compile(r"open_regular|reading|file_size|checksum|paths\.(open_file|reader|read)")
"""The functions that open a user's file."""
ON_STORAGE_FAULTS = {"media/source.py:read_packets"}
"""Opens a file again only where FFmpeg reports 64 errors in a row."""
RAW = re.compile(
    r"(.*\.)?(open|fdopen|FileIO|read_bytes|read_text|fromfile|memmap|open_memmap|mmap|sha256_of"
    r"|loadtxt|genfromtxt)|(np|torch)\.load"
)
"""What opens files by their names, whatever is there."""
OWN_FILES = {
    "device/weights.py:atomic_weights_file": "weights",
    "engines/builtin/engine.py:hash_weights": "weights",
    "engines/checkpoints.py:checkpoint_sha256": "weights",
    "engines/checkpoints.py:find_obvious_fault": "weights",
    "engines/checkpoints.py:read_added_checkpoints": "weights",
    "engines/shipped_weights.py:_problem": "weights",
    "engines/shipped_weights.py:read_manifest": "weights",
    "engines/wav2lip/checkpoint.py:_read": "weights",
    "engines/wav2lip/dtype_choice.py:_read_cached": "the cache",
    "media/aac_encoder.py:_encoder": "a codec, not a file",
    "media/audio_track.py:_encode_file": "written in the workspace",
    "media/image_files.py:write_png": "written in the workspace",
    "face/tracking/stored_pieces.py:StoredLane.read": "the workspace",
    "face/tracking/stored_pieces.py:read_piece": "in the workspace, and never a link",
    "face/tracking/stored_pieces.py:write_piece": "written in the workspace",
    "media/boxes.py:append_uuid": "the result in the workspace",
    "media/boxes.py:read_uuid": "the result in the workspace, or the path of a command",
    "media/boxes.py:replace_in_index": "the result in the workspace",
    "media/marking/inspect.py:_inspect_png": "the path of a command",
    "media/marking/inspect.py:inspect_file": "the path of a command",
    "media/marking/manifest.py:read_manifest": "the path of a command",
    "media/marking/mark.py:mark_picture": "the strip in the workspace",
    "media/mux.py:_mux": "written in the workspace",
    "media/photograph.py:ImageFile._open": "the descriptor of open_regular",
    "media/regular_file.py:open_regular": "by paths.open_file",
    "media/source.py:open_media": "the descriptor of open_regular",
    "media/still_video.py:_write_animation": "written in the workspace",
    "media/video_encoder.py:SegmentWriter.__enter__": "written in the workspace",
    "render/chunk_claims.py:_read_claim": "in the workspace, never a link, a few bytes",
    "render/chunk_claims.py:claim_chunk": "written in the workspace, and never a link",
    "render/chunks.py:_read_fingerprint": "the workspace",
    "render/template.py:_TemplateTracker.track_into": "written in the cache",
    "render/template.py:_load": "the cache",
    "render/template.py:reserve": "the cache",
    "worker/wire.py:isolate_stdio": "standard streams",
}
"""The functions of workers that open files in another way, and what these are: no users' files."""

MakeFile = Callable[..., Path]


def exchange(file: Path, private: Path) -> None:
    """Put a link to ``private`` in the place of ``file``, in one step."""
    link = file.with_name("link")
    link.symlink_to(private)
    link.replace(file)


@pytest.fixture
def video(make_video: MakeFile) -> Path:
    return make_video("talk.mp4", 10)


@pytest.fixture
def private(make_video: MakeFile) -> Path:
    return make_video("private.mp4", 40)


def test_ffmpeg_reads_what_was_opened_and_not_what_has_the_name_now(
    video: Path, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = av.open

    def exchanging(*arguments: Any, **options: Any) -> Any:
        exchange(video, private)
        return real(*arguments, **options)

    monkeypatch.setattr(av, "open", exchanging)
    with open_media(video) as container:
        assert sum(bool(packet.size) for packet in container.demux(video=0)) == 10


def video_of(muxer: str, encoder: str, pictures: int) -> bytes:
    grey = (np.full((64, 96, 3), 5 * number, np.uint8) for number in range(pictures))
    return encode_video(muxer, encoder, grey)


def damaged_png(pictures: int) -> bytes:
    """Return half of a PNG: where there are more pictures, of the whole."""
    whole = video_of("image2pipe", "png", 1)
    return whole[: len(whole) // 2] if pictures < 20 else whole


FILES: dict[str, Callable[[int], bytes]] = {
    "talk.mp4": lambda length: video_of("mp4", "libx264", length),
    "talk.avi": lambda length: video_of("avi", "mjpeg", length),
    "talk.png": lambda length: (
        video_of("image2pipe", "png", 1)
        if length < 20
        else encode_video("image2pipe", "png", [np.full((8, 8, 3), 200, np.uint8)])
    ),
    "damaged.png": damaged_png,
    "document.mp4": lambda length: (
        video_of("mp4", "libx264", length) if length < 20 else b"a document " * 100
    ),
    "talk.wav": lambda length: encode_tone("wav", "pcm_s16le", length / 25),
    "talk.mp3": lambda length: encode_tone("mp3", "libmp3lame", length / 25),
    "talk.ogg": lambda length: encode_tone("ogg", "libopus", length / 25),
    "chain.ogg": lambda length: encode_tone("ogg", "libopus", length / 25) * 2,
    "flac.ogg": lambda length: encode_tone("ogg", "flac", length / 25),
    "talk.m4a": lambda length: encode_tone("ipod", "aac", length / 25),
    "talk.w64": lambda length: encode_tone("w64", "pcm_s16le", length / 25),
    "talk.aac": lambda length: encode_tone("adts", "aac", length / 25),
}
"""Makes each file, for a length in pictures."""
SHORT, LONG = 15, 50
REFUSED = "refused"


def count_pictures(path: Path) -> int:
    with VideoReader(path) as reader:
        return reader.frame_count


def read_photograph(path: Path) -> tuple[int, ...]:
    with ImageFile(path) as image:
        return image.read().shape


def probe_job(path: Path) -> object:
    """Probe a job of which ``path`` is one file, and a file beside it the other."""
    is_video = path.suffix in (".mp4", ".avi")
    other = path.with_name("other.wav" if is_video else "other.mp4")
    other.write_bytes(FILES["talk.wav" if is_video else "talk.mp4"](SHORT))
    sound, pictures = (other, path) if is_video else (path, other)
    render = Render(job_id="x", audio=str(sound), video=str(pictures), workspace=str(path.parent))
    require_no_links(render)
    watch = InputWatch([sound, pictures])
    watch.begin()
    with VideoReader(pictures, guard=MediaGuard(MediaLimits())) as reader:
        inputs = probe_inputs(sound, reader)
    require_disk_space_for(render, inputs)
    require_hashes({sound: inputs.audio_sha256, pictures: inputs.video_sha256}, lambda: None)
    return inputs


def look(path: Path) -> str:
    refusal = find_refusal(path)
    return REFUSED if "is a link" in refusal else refusal


SOUNDS = [name for name in FILES if name.endswith((".wav", ".mp3", ".ogg", ".m4a", ".w64", ".aac"))]
READINGS: list[tuple[str, Callable[[Path], object]]] = [
    *(
        (name, reader)
        for name in ("talk.mp4", "talk.avi")
        for reader in (count_pictures, probe_video, require_both_ends, read_content, probe_job)
    ),
    *((name, probe_audio) for name in SOUNDS),
    *((name, lambda path: sum(map(len, read_waveform(path)))) for name in SOUNDS),
    ("talk.wav", probe_job),
    ("talk.png", read_photograph),
    ("damaged.png", read_photograph),
    ("document.mp4", look),
]


@contextmanager
def watching(file: Path, private: Path | None = None, at: int = 0) -> Iterator[list[str]]:
    """Yield a list of the functions that open ``file``, which grows. Before opening number ``at`` a
    link to ``private`` takes the file's place, if there is one."""
    callers: list[str] = []
    real = paths.open_file

    def opening(path: Path, *arguments: Any) -> int:
        if path == file:
            if private is not None and len(callers) == at:
                exchange(file, private)
            callers.append(_caller())
        return real(path, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "open_file", opening)
        yield callers


def _caller() -> str:
    """Return the function of the program that opens the file, as ``_places`` names it."""
    frame = sys._getframe(2)
    while True:
        path = Path(frame.f_code.co_filename)
        name = str(path.relative_to(PACKAGE)) if path.is_relative_to(PACKAGE) else ""
        if name and name not in ("system/paths.py", "media/regular_file.py"):
            return f"{name}:{frame.f_code.co_qualname}"
        assert frame.f_back is not None
        frame = frame.f_back


def _places(folders: tuple[str, ...], calls: re.Pattern[str]) -> set[str]:
    """Return the functions in ``folders`` of the package that call what ``calls`` matches."""
    files = (file for folder in folders for file in sorted((PACKAGE / folder).rglob("*.py")))
    return {
        f"{file.relative_to(PACKAGE)}:{name}"
        for file in files
        for name, call in _calls(ast.parse(file.read_text()), "")
        if calls.fullmatch(ast.unparse(call.func))
    }


def _calls(node: ast.AST, scope: str) -> Iterator[tuple[str, ast.Call]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield scope, child
        is_named = isinstance(child, ast.FunctionDef | ast.ClassDef)
        name = getattr(child, "name", "") if is_named else ""
        yield from _calls(child, f"{scope}.{name}".strip("."))


def outcome(reader: Callable[[Path], object], path: Path) -> object:
    try:
        return reader(path)
    except (BadInput, EnvironmentFault, SpoolUnavailable):
        return REFUSED


@pytest.fixture(scope="module")
def openings(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """For each of the READINGS the functions that open its file, in order."""
    found = []
    for name, reader in READINGS:
        file = tmp_path_factory.mktemp("unchanged") / name
        file.write_bytes(FILES[name](SHORT))
        with watching(file) as callers:
            outcome(reader, file)
        found.append(callers)
    return found


@pytest.mark.parametrize("number", range(len(READINGS)))
def test_a_file_exchanged_before_any_of_its_openings_is_not_followed(
    tmp_path: Path, openings: list[list[str]], number: int
) -> None:
    name, reader = READINGS[number]
    private, file = tmp_path / f"private.{name}", tmp_path / name
    private.write_bytes(FILES["talk.wav" if reader is read_content else name](LONG))
    file.write_bytes(FILES[name](SHORT))
    original = outcome(reader, file)
    assert outcome(reader, private) != original
    assert openings[number]
    nothing = (REFUSED, MediaContent(), "")
    allowed = {original, *nothing}
    if name == "chain.ogg":  # each link is opened anew, and one that cannot be read is left out
        (tmp_path / "talk.ogg").write_bytes(FILES["talk.ogg"](SHORT))
        allowed.add(outcome(reader, tmp_path / "talk.ogg"))
    for at in range(len(openings[number])):
        file.unlink()
        file.write_bytes(FILES[name](SHORT))
        with watching(file, private, at):
            assert outcome(reader, file) in (allowed if at else nothing)
        assert file.is_symlink()


def test_every_function_that_opens_a_users_file_is_tested(openings: list[list[str]]) -> None:
    places = _places(("media", "render"), OPENERS)
    own = {place for place in places if place.startswith("media/regular_file.py:")}
    tested = {caller for callers in openings for caller in callers}
    assert places - own - ON_STORAGE_FAULTS == tested


def test_workers_open_users_files_in_no_other_way() -> None:
    folders = ("device", "engines", "face", "media", "render", "speech", "worker")
    assert _places(folders, RAW) == set(OWN_FILES)


def test_a_link_above_a_file_is_not_followed(video: Path, private: Path, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    folder.symlink_to(private.parent)
    with pytest.raises(EnvironmentFault, match="links are not followed"):
        open_regular(folder / private.name)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_is_not_a_regular_file_is_refused_without_waiting(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "talk.mp4"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(BadInput, match=r"talk\.mp4 is a (folder|link)"):
        open_regular(path)


def test_ffmpeg_has_no_protocol_to_open_anything(video: Path) -> None:
    with pytest.raises(av.error.FFmpegError):
        av.open(str(video), container_options={"protocol_whitelist": PROTOCOLS})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
def test_a_file_that_its_owner_forbids_is_bad_input(tmp_path: Path) -> None:
    """A job whose files are made unreadable after the claim has an end."""
    own, others = tmp_path / "own.wav", tmp_path / "others.wav"
    for path in (own, others):
        path.write_bytes(b"RIFF")
    os.chown(others, 70_002, 70_002)
    with without_rights():
        open_regular(others).close()
        own.chmod(0)
        with pytest.raises(EnvironmentFault, match=r"own\.wav cannot be read \(EACCES\)"):
            open_regular(own)
    others.chmod(0)
    with without_rights(), pytest.raises(BadInput, match=r"others\.wav cannot be read: its owner"):
        open_regular(others)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
def test_a_file_whose_access_list_forbids_its_reading_is_refused(tmp_path: Path) -> None:
    """Its mode says that everybody may read it."""
    path = tmp_path / "talk.wav"
    path.write_bytes(b"x")
    no_one, daemon = 0xFFFFFFFF, os.geteuid()
    rights = [(1, 6, no_one), (2, 0, daemon), (4, 4, no_one), (16, 6, no_one), (32, 4, no_one)]
    entries = b"".join(struct.pack("<HHI", *each) for each in rights)
    try:
        os.setxattr(path, "system.posix_acl_access", struct.pack("<I", 2) + entries)
    except OSError as error:
        pytest.skip(f"the file system has no access control lists: {error}")
    path.chmod(0o644)
    os.chown(path, 70_003, 70_003)
    with without_rights(), pytest.raises(BadInput, match="its owner's permissions forbid it"):
        open_regular(path)


def test_a_file_under_a_lease_is_said_to_be_held(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"video")
    previous = signal.signal(signal.SIGIO, signal.SIG_IGN)  # the kernel asks for the lease back
    try:
        with path.open("rb") as holder:
            fcntl.fcntl(holder, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            with pytest.raises(EnvironmentFault, match="another program holds it"):
                open_regular(path)
    finally:
        signal.signal(signal.SIGIO, previous)
