"""What engines need: estimated, measured, stored, and read without torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from heygem_daemon.engines import checkpoints
from heygem_daemon.gpu import needs
from heygem_daemon.gpu.needs import ESTIMATE, Need, load_need, save_need

MEASURED = Need(
    resident_bytes=1 << 30,
    per_frame_bytes=1 << 24,
    least_batch=8,
    host_bytes=2 << 30,
    measured=True,
)
KEY = ("builtin", "stamp", "NVIDIA L4")


def test_what_must_be_free_is_the_resident_part_and_the_least_batch() -> None:
    assert MEASURED.vram_bytes == (1 << 30) + 8 * (1 << 24)


def test_an_estimate_counts_until_somebody_has_measured(tmp_path: Path) -> None:
    assert load_need(tmp_path / "no such folder", *KEY) == ESTIMATE
    assert not ESTIMATE.measured


def test_what_was_measured_is_read_again(tmp_path: Path) -> None:
    save_need(tmp_path, *KEY, MEASURED)
    assert load_need(tmp_path, *KEY) == MEASURED
    assert [path.suffix for path in (tmp_path / "needs").iterdir()] == [".json"]


@pytest.mark.parametrize(
    "other",
    [
        ("wav2lip", "stamp", "NVIDIA L4"),
        ("builtin", "new", "NVIDIA L4"),
        ("builtin", "stamp", "CPU"),
    ],
)
def test_another_engine_weights_or_device_has_a_need_of_its_own(
    tmp_path: Path, other: tuple[str, str, str]
) -> None:
    save_need(tmp_path, *KEY, MEASURED)
    assert load_need(tmp_path, *other) == ESTIMATE


def test_another_version_of_torch_asks_for_measuring_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_need(tmp_path, *KEY, MEASURED)
    monkeypatch.setattr(needs, "torch_version", lambda: "99.0")
    assert load_need(tmp_path, *KEY) == ESTIMATE


@pytest.mark.parametrize("content", ["", "{", '{"resident_bytes": -1}', json.dumps({"more": 1})])
def test_a_damaged_file_counts_as_none(tmp_path: Path, content: str) -> None:
    save_need(tmp_path, *KEY, MEASURED)
    (file,) = (tmp_path / "needs").iterdir()
    file.write_text(content)
    assert load_need(tmp_path, *KEY) == ESTIMATE


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "needs").write_text("a file where the folder should be")
    save_need(tmp_path, *KEY, MEASURED)
    assert load_need(tmp_path, *KEY) == ESTIMATE


def test_the_weights_fingerprint_changes_with_them(tmp_path: Path) -> None:
    before = checkpoints.weights_fingerprint(tmp_path)
    (tmp_path / "some.pth").write_bytes(b"weights")
    assert checkpoints.weights_fingerprint(tmp_path) != before


def test_needs_are_read_without_torch() -> None:
    program = "import sys; import heygem_daemon.gpu.needs; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
