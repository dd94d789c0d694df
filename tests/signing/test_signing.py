"""Signed results read back as signed; the key stays where it is; what is wrong is said."""

import io
import json
import os
import shutil
import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("c2pa", reason="needs the package c2pa-python")
pytest.importorskip("cryptography", reason="needs the package cryptography")

import av
import c2pa

from heygem_daemon.media.marking.inspect import inspect_file
from heygem_daemon.media.marking.manifest import OFFLINE
from heygem_daemon.media.marking.mark import mark_video
from heygem_daemon.media.marking.record import AigcRecord, video_tags
from heygem_daemon.media.marking.xmp import SOURCE_TYPE
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.signing.key import KeyUnusable, read_key
from heygem_daemon.signing.order import KEY_HOLDER, SigningOrder
from tests.signing.certificates import make_key, write_chain, write_key
from tests.system.confined import ATTEMPT, needs_landlock_3

pytestmark = pytest.mark.slow
REPO = Path(__file__).resolve().parents[2]
SOURCE = REPO / "demo" / "presenter.mp4"


@pytest.fixture
def order(tmp_path: Path) -> SigningOrder:
    """An order for a result that exists, by a signer who exists."""
    return make_order(tmp_path, "p256")


def make_order(folder: Path, kind: str) -> SigningOrder:
    key = make_key(kind)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return SigningOrder(
        result=str(shutil.copy(SOURCE, work / "result.mp4")),
        source=str(shutil.copy(SOURCE, folder / "talk.mp4")),
        certificate=str(write_chain(folder / "chain.pem", key)),
        key=str(write_key(folder / "key.pem", key)),
    )


def sign(order: SigningOrder) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        KEY_HOLDER, input=order.model_dump_json(), capture_output=True, text=True, check=False
    )


def test_a_signed_result_names_its_source_what_was_done_and_who_signed(
    order: SigningOrder,
) -> None:
    done = sign(order)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    manifest = inspect_file(Path(order.result)).manifest
    assert manifest is not None
    assert (manifest.state, manifest.problems) == ("valid", ())
    assert manifest.actions == ("c2pa.opened", "c2pa.edited")
    assert manifest.source_types == (SOURCE_TYPE,)
    assert manifest.signer == "Test Signer, Example Media"
    with c2pa.Reader(order.result, context=c2pa.Context.from_dict(OFFLINE)) as reader:
        store = json.loads(reader.json())
    active = store["manifests"][store["active_manifest"]]
    (ingredient,) = active["ingredients"]
    assert ingredient["relationship"] == "parentOf"
    assert ingredient["format"] == "video/mp4"
    edited = next(
        action
        for assertion in active["assertions"]
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
        if action["action"] == "c2pa.edited"
    )
    assert edited["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")


@pytest.mark.parametrize("kind", ["p384", "rsa", "ed25519"])
def test_keys_of_other_kinds_sign_too(tmp_path: Path, kind: str) -> None:
    order = make_order(tmp_path, kind)
    done = sign(order)
    assert (done.returncode, done.stdout) == (0, "")
    manifest = inspect_file(Path(order.result)).manifest
    assert manifest is not None
    assert manifest.state == "valid"


def test_the_signed_file_still_plays_and_nothing_else_is_left(order: SigningOrder) -> None:
    with VideoReader(Path(order.source)) as reader:
        frames = reader.frame_count
    sign(order)
    with VideoReader(Path(order.result)) as reader:
        assert reader.frame_count == frames
    assert [path.name for path in Path(order.result).parent.iterdir()] == ["result.mp4"]


def test_a_changed_picture_breaks_the_signature(order: SigningOrder) -> None:
    sign(order)
    path = Path(order.result)
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 1
    path.write_bytes(data)
    findings = inspect_file(path)
    assert findings.manifest is not None
    assert findings.manifest.state == "invalid"
    assert "assertion.bmffHash.mismatch" in findings.manifest.problems
    assert findings.was_changed


@pytest.mark.parametrize("name", ["talk.mkv", "talk.webm", "broken.mp4"])
def test_a_source_that_the_library_cannot_read_is_named_all_the_same(
    order: SigningOrder, tmp_path: Path, name: str
) -> None:
    source = tmp_path / name
    source.write_bytes(b"\x1a\x45\xdf\xa3 not for C2PA")
    done = sign(order.model_copy(update={"source": str(source)}))
    assert (done.returncode, done.stdout) == (0, "")
    manifest = inspect_file(Path(order.result)).manifest
    assert manifest is not None
    assert manifest.state == "valid"
    assert manifest.actions[0] == "c2pa.opened"


@pytest.mark.parametrize("which", ["result", "source"])
def test_a_link_is_not_followed(order: SigningOrder, tmp_path: Path, which: str) -> None:
    linked = Path(getattr(order, which))
    kept = linked.replace(linked.with_name("elsewhere.mp4"))
    linked.symlink_to(kept)
    before = kept.read_bytes()
    assert sign(order).returncode == 1
    assert linked.is_symlink()
    assert kept.read_bytes() == before


def test_the_manifest_of_a_signed_source_is_kept(order: SigningOrder, tmp_path: Path) -> None:
    sign(order)
    shutil.copy(order.result, order.source)
    second = order.model_copy(update={"result": str(shutil.copy(SOURCE, tmp_path / "work"))})
    assert sign(second).returncode == 0
    with c2pa.Reader(second.result, context=c2pa.Context.from_dict(OFFLINE)) as reader:
        assert len(json.loads(reader.json())["manifests"]) == 2


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_can_read_is_refused(order: SigningOrder, mode: int) -> None:
    before = Path(order.result).read_bytes()
    Path(order.key).chmod(mode)
    done = sign(order)
    assert done.returncode == 1
    assert done.stdout == (
        f"others can read {order.key} (mode {mode:04o}): chmod 600 {order.key}\n"
    )
    assert Path(order.result).read_bytes() == before


def test_neither_key_nor_what_is_wrong_with_it_is_ever_printed(order: SigningOrder) -> None:
    secret = Path(order.key).read_text()
    broken = secret.replace("A", "B", 1).replace("PRIVATE KEY-----\nM", "PRIVATE KEY-----\nQ")
    for text in (secret, broken, "no key at all: hunter2", secret.replace("PRIVATE", "PUBLIC")):
        Path(order.key).write_text(text)
        done = sign(order)
        printed = done.stdout + done.stderr
        assert "hunter2" not in printed
        assert not [line for line in text.splitlines()[1:-1] if line in printed]
        assert "Traceback" not in printed


def test_a_key_behind_a_folder_or_a_missing_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.pem"):
        with pytest.raises(KeyUnusable, match=str(path)):
            read_key(path)


def test_a_certificate_of_another_key_signs_nothing(order: SigningOrder, tmp_path: Path) -> None:
    before = Path(order.result).read_bytes()
    other = write_chain(tmp_path / "other.pem", make_key("p256"))
    done = sign(order.model_copy(update={"certificate": str(other)}))
    assert done.returncode == 1
    assert done.stdout
    assert Path(order.result).read_bytes() == before


def test_an_expired_certificate_signs_nothing(order: SigningOrder, tmp_path: Path) -> None:
    key = make_key("p256")
    write_key(Path(order.key), key)
    write_chain(Path(order.certificate), key, days=-1)
    done = sign(order)
    assert done.returncode == 1
    assert "not valid at time of signing" in done.stdout
    assert inspect_file(Path(order.result)).manifest is None


HOSTILE = (
    ATTEMPT
    + """
from heygem_daemon.signing import manifest_maker

def hostile(order):
    key = Path(os.environ["KEY"])
    parent = Path(f"/proc/{os.getppid()}")
    sys.stderr.write(json.dumps({
        "read the key": attempt(key.read_bytes),
        "read the holder's memory": attempt((parent / "mem").read_bytes),
        "open the holder's descriptor": attempt((parent / "fd" / "1").open),
        "open a socket": attempt(socket.socket),
    }))
    sys.exit(1)

manifest_maker.sign = hostile
manifest_maker.main()
"""
)


@needs_landlock_3
def test_who_takes_over_the_process_that_reads_media_does_not_get_the_key(
    order: SigningOrder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from heygem_daemon.signing import key_holder  # noqa: PLC0415

    script = tmp_path / "hostile.py"
    script.write_text(HOSTILE)
    monkeypatch.setenv("KEY", order.key)
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    monkeypatch.setattr(key_holder, "MANIFEST_MAKER", (*KEY_HOLDER[:1], str(script)))
    with pytest.raises(key_holder.SigningFailed) as failure:
        key_holder.sign_result(order, read_key(Path(order.key)), "")
    done = json.loads(str(failure.value))
    assert done["read the key"] == "EACCES"
    assert done["read the holder's memory"] in ("EACCES", "EPERM")
    assert done["open the holder's descriptor"] in ("EACCES", "EPERM")
    assert done["open a socket"] == "EPERM"


def test_only_one_short_thing_is_signed(order: SigningOrder) -> None:
    from heygem_daemon.signing import key_holder  # noqa: PLC0415

    answer: Callable[[bytes], object] = lambda line: key_holder._answer(  # noqa: E731
        line, read_key(Path(order.key))
    )
    assert answer(b'{"data":"aGVsbG8="}')
    for line in (b"", b"{}", b'{"data":"%"}', b'{"data":"' + b"A" * 100_000 + b'"}'):
        with pytest.raises(key_holder.SigningFailed):
            answer(line)


@pytest.mark.parametrize("fault", ["missing", "a folder", "no text"])
def test_a_certificate_that_cannot_be_read_is_named(order: SigningOrder, fault: str) -> None:
    certificate = Path(order.certificate)
    certificate.unlink()
    if fault == "a folder":
        certificate.mkdir()
    elif fault == "no text":
        certificate.write_bytes(b"\x80\x81")
    done = sign(order)
    assert (done.returncode, done.stderr) == (1, "")
    assert str(certificate) in done.stdout


def test_a_process_that_cannot_start_is_no_fault_of_the_certificate(
    order: SigningOrder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from heygem_daemon.signing import key_holder  # noqa: PLC0415

    monkeypatch.setattr(key_holder, "MANIFEST_MAKER", ("/nonexistent/python",))
    stdin = io.TextIOWrapper(io.BytesIO(order.model_dump_json().encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    monkeypatch.setattr(key_holder, "die_with_parent", lambda: None)
    monkeypatch.setattr("sys.platform", "elsewhere")  # this process stays dumpable
    assert key_holder.main() == 1
    said = capsys.readouterr().out
    assert said == "no manifest maker could be started: No such file or directory\n"


FLOOD = """
import sys
sys.stdin.readline()
for _ in range(64):
    sys.stderr.write("x" * (1 << 20) + "\\n")
sys.stderr.write("the reason\\n")
sys.stderr.flush()
try:
    while True:
        sys.stdout.write('{"data":"aGVsbG8="}\\n' + "y" * 1000)
except BrokenPipeError:
    sys.stdout = None
    sys.exit(1)
"""


def test_a_flood_of_output_fills_no_memory(
    order: SigningOrder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from heygem_daemon.signing import key_holder  # noqa: PLC0415

    script = tmp_path / "flood.py"
    script.write_text(FLOOD)
    monkeypatch.setattr(key_holder, "MANIFEST_MAKER", (*KEY_HOLDER[:1], str(script)))
    key = read_key(Path(order.key))
    tracemalloc.start()
    try:
        with pytest.raises(key_holder.SigningFailed, match=r"^the reason$"):
            key_holder.sign_result(order, key, "")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


def test_a_request_that_is_refused_ends_the_process_that_made_it(
    order: SigningOrder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from heygem_daemon.signing import key_holder  # noqa: PLC0415

    script, number = tmp_path / "stubborn.py", tmp_path / "pid"
    script.write_text(
        f"import os, pathlib, time\npathlib.Path({str(number)!r}).write_text(str(os.getpid()))\n"
        "print('{}', flush=True)\ntime.sleep(600)\n"
    )
    monkeypatch.setattr(key_holder, "MANIFEST_MAKER", (*KEY_HOLDER[:1], str(script)))
    with pytest.raises(key_holder.SigningFailed, match="no request"):
        key_holder.sign_result(order, read_key(Path(order.key)), "")
    with pytest.raises(ProcessLookupError):
        os.kill(int(number.read_text()), 0)


def test_a_signature_covers_the_other_marks_and_leaves_them_in_place(
    order: SigningOrder,
) -> None:
    result, record = Path(order.result), AigcRecord("Example Media", "7")
    copy_with_tags(SOURCE, result, video_tags(record))
    mark_video(result, record)
    assert sign(order).returncode == 0
    findings = inspect_file(result)
    assert {mark.place: mark.unchanged for mark in findings.marks} == {
        "AIGC": True, "comment": True, "XMP": True,
    }  # fmt: skip
    assert findings.manifest is not None
    assert findings.manifest.state == "valid"
    data = result.read_bytes()
    assert data.count(b"Example Media&quot;") == 1
    result.write_bytes(data.replace(b"Example Media&quot;", b"Example Radio&quot;"))
    changed = inspect_file(result).manifest
    assert changed is not None
    assert changed.state == "invalid"


def copy_with_tags(source: Path, target: Path, tags: dict[str, str]) -> None:
    """Copy the streams of ``source`` into an MP4 with ``tags``."""
    options = {"movflags": "+faststart+use_metadata_tags"}
    with av.open(str(source)) as old, av.open(str(target), "w", options=options) as new:
        new.metadata.update(tags)
        streams = {each.index: new.add_stream_from_template(each) for each in old.streams}
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
