"""The doctor's findings about the weights."""

import hashlib
import json
from pathlib import Path

import pytest

from heygem_daemon.doctor.weights import weights_checks
from heygem_daemon.engines.shipped_weights import MANIFEST, read_checksums


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    (tmp_path / "builtin").mkdir()
    (tmp_path / "builtin/mesh.safetensors").write_bytes(b"weights")
    sha = hashlib.sha256(b"weights").hexdigest()
    (tmp_path / MANIFEST).write_text(json.dumps({"builtin/mesh.safetensors": sha}))
    return tmp_path


def test_weights_as_released_pass(weights: Path) -> None:
    (check,) = weights_checks(weights)
    assert check.verdict == "pass"


def test_a_changed_file_is_named(weights: Path) -> None:
    (weights / "builtin/mesh.safetensors").write_bytes(b"other")
    (check,) = weights_checks(weights)
    assert check.verdict == "fail"
    assert "mesh.safetensors differs" in check.detail


def test_a_missing_file_is_named(weights: Path) -> None:
    (weights / "builtin/mesh.safetensors").unlink()
    (check,) = weights_checks(weights)
    assert check.verdict == "fail"
    assert "mesh.safetensors" in check.detail


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"a": 5}', '{"files": []}'])
def test_a_manifest_of_another_form_is_a_failure(weights: Path, text: str) -> None:
    (weights / MANIFEST).write_text(text)
    (check,) = weights_checks(weights)
    assert check.verdict == "fail"


def test_a_manifest_may_say_more_of_a_file_than_its_sum(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"files": {"a": {"sha256": "00", "licence": "MIT"}}}')
    assert read_checksums(tmp_path / MANIFEST) == {"a": "00"}
