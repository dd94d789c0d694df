from pathlib import Path

import pytest

from heygem_daemon.engines.base import Device
from heygem_daemon.engines.catalogue import load_engine
from heygem_daemon.errors import WeightsUnavailable

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"


@pytest.mark.parametrize("name", ["auto", "builtin"])
def test_the_shipped_weights_load(name: str) -> None:
    engine = load_engine(name, WEIGHTS, Device())
    assert (engine.name, engine.device, engine.precision) == ("builtin", Device(), "float32")
    assert len(engine.weights_sha256) == 64


def test_an_unknown_engine_is_refused_with_those_that_exist() -> None:
    with pytest.raises(WeightsUnavailable, match="no engine 'magic'; known: builtin"):
        load_engine("magic", WEIGHTS, Device())


def test_missing_weights_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=str(tmp_path)):
        load_engine("builtin", tmp_path, Device())


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "builtin"
    folder.mkdir()
    for path in (WEIGHTS / "builtin").iterdir():
        content = path.read_bytes()
        (folder / path.name).write_bytes(
            content[: len(content) // 2] if path.stem == "mouth_head" else content
        )
    with pytest.raises(WeightsUnavailable, match="mouth_head"):
        load_engine("builtin", tmp_path, Device())
