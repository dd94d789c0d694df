import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name

import pytest
import torch
from pydantic import ValidationError

from heygem_daemon.config.engines import ENGINES, EngineSpec, checkpoint_programs
from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor.checkpoints import inspect_checkpoint
from heygem_daemon.engines.base import Device
from heygem_daemon.engines.checkpoints import LARGE_FILE_BYTES
from heygem_daemon.engines.registry import load_engine
from heygem_daemon.engines.wav2lip.layout import WAV2LIP_96
from heygem_daemon.engines.wav2lip.network import Generator
from heygem_daemon.errors import WeightsUnavailable

DUMMY_LOADER = """
from types import SimpleNamespace

from heygem_daemon.errors import WeightsUnavailable

def load(options):
    if options.checkpoint and options.checkpoint.read_bytes() != b"dummy":
        raise WeightsUnavailable(f"{options.checkpoint} is not a dummy.")
    return SimpleNamespace(name="dummy", options=options, warnings=())
"""
DUMMY_CHECKPOINT_PROGRAM = """
import json, pathlib, sys

is_dummy = pathlib.Path(sys.argv[-1]).read_bytes() == b"dummy"
print(json.dumps({"layout": "dummy-1", "values": 1} if is_dummy else {"problem": "not a dummy"}))
"""
WEIGHTS = Path(__file__).resolve().parents[2] / "weights"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A weights folder with the shipped weights, to which files can be added."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "builtin").symlink_to(WEIGHTS / "builtin")
    return folder


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("valid") / "checkpoint.pth"
    torch.save({"state_dict": Generator(WAV2LIP_96).state_dict()}, path)
    return path


@pytest.mark.parametrize("name", ["auto", "builtin"])
def test_the_shipped_weights_load(name: str, tmp_path: Path) -> None:
    engine = load_engine(name, WEIGHTS, Device(), tmp_path)
    assert (engine.name, engine.device, engine.precision) == ("builtin", Device(), "float32")
    assert len(engine.weights_sha256) == 64
    assert engine.warnings == ()


def test_an_unknown_engine_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="no engine 'magic'; known: builtin, wav2lip"):
        load_engine("magic", WEIGHTS, Device(), tmp_path)


def test_missing_weights_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=str(tmp_path)):
        load_engine("builtin", tmp_path, Device(), tmp_path)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "builtin"
    folder.mkdir()
    for path in (WEIGHTS / "builtin").iterdir():
        content = path.read_bytes()
        (folder / path.name).write_bytes(
            content[: len(content) // 2] if path.stem == "mouth_head" else content
        )
    with pytest.raises(WeightsUnavailable, match="mouth_head"):
        load_engine("builtin", tmp_path, Device(), tmp_path)


@pytest.mark.slow
def test_auto_takes_a_valid_checkpoint_and_reports_what_is_wrong_with_others(
    weights: Path, valid: Path, tmp_path: Path
) -> None:
    (weights / "a.pth").write_bytes(b"half a checkpo")
    shutil.copy(valid, weights / "b.pth")
    (weights / "c.pth").write_bytes(b"never read")
    engine = load_engine("auto", weights, Device(), tmp_path)
    assert engine.name == "wav2lip"
    broken, unused = engine.warnings
    assert str(weights / "a.pth") in broken
    assert "b.pth is used" in unused
    assert "not used: c.pth" in unused


def test_auto_without_a_valid_checkpoint_takes_the_built_in_engine_and_warns(
    weights: Path, tmp_path: Path
) -> None:
    (weights / "a.pth").write_bytes(b"half a checkpo")
    engine = load_engine("auto", weights, Device(), tmp_path)
    assert engine.name == "builtin"
    (warning,) = engine.warnings
    assert "a.pth" in warning
    assert warning.endswith("The built-in engine is used.")


def test_wav2lip_without_any_checkpoint_says_where_to_put_one(
    weights: Path, tmp_path: Path
) -> None:
    with pytest.raises(WeightsUnavailable, match=f"no checkpoint in {weights}: put"):
        load_engine("wav2lip", weights, Device(), tmp_path)


def test_wav2lip_with_a_broken_checkpoint_names_it(weights: Path, tmp_path: Path) -> None:
    (weights / "a.pth").write_bytes(b"half a checkpo")
    with pytest.raises(WeightsUnavailable, match=r"a\.pth"):
        load_engine("wav2lip", weights, Device(), tmp_path)


@pytest.mark.slow
def test_auto_skips_a_checkpoint_that_draws_no_numbers_and_names_it(
    weights: Path, valid: Path, tmp_path: Path
) -> None:
    state = torch.load(valid, weights_only=True)["state_dict"]
    variances = "face_decoder_blocks.3.1.conv_block.1.running_var"
    torch.save(state | {variances: -state[variances]}, weights / "negative.pth")
    engine = load_engine("auto", weights, Device(), tmp_path)
    assert engine.name == "builtin"
    (warning,) = engine.warnings
    assert str(weights / "negative.pth") in warning
    assert "values that are not numbers" in warning


def test_unsupported_files_are_named(weights: Path, tmp_path: Path) -> None:
    (weights / "wav2lip.ckpt").write_bytes(bytes(LARGE_FILE_BYTES))
    engine = load_engine("auto", weights, Device(), tmp_path)
    assert engine.name == "builtin"
    (warning,) = engine.warnings
    assert str(weights / "wav2lip.ckpt") in warning
    assert warning.endswith("The built-in engine is used.")
    with pytest.raises(WeightsUnavailable, match=r"wav2lip\.ckpt is not used"):
        load_engine("wav2lip", weights, Device(), tmp_path)


@pytest.fixture
def dummy_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a new engine: two modules that can be imported."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "dummy_loader.py").write_text(DUMMY_LOADER, encoding="utf-8")
    (folder / "dummy_checkpoint.py").write_text(DUMMY_CHECKPOINT_PROGRAM, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


@pytest.mark.usefixtures("dummy_folder")
def test_one_line_in_the_table_adds_an_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [f"'{name}'" for name in ("auto", *ENGINES)]
    with pytest.raises(ValidationError, match=f"{', '.join(known[:-1])} or {known[-1]}"):
        Settings(engine="added_here")
    monkeypatch.setitem(ENGINES, "added_here", EngineSpec("added_here", "dummy_loader:load"))
    assert Settings(engine="added_here").engine == "added_here"
    assert JobOptions(engine="added_here").engine == "added_here"
    with pytest.raises(ValidationError, match=f"{', '.join(known)} or 'added_here'"):
        JobOptions(engine="added_her")
    engine = load_engine("added_here", WEIGHTS, Device(), tmp_path, threads=3)
    assert engine.name == "dummy"
    options = engine.options  # type: ignore[attr-defined]
    assert (options.weights, options.cache, options.threads) == (WEIGHTS, tmp_path, 3)
    assert options.checkpoint is None


@pytest.mark.slow
@pytest.mark.usefixtures("dummy_folder")
def test_a_new_engine_may_use_checkpoints_of_users(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = EngineSpec("Dummy", "dummy_loader:load", checkpoint_program="dummy_checkpoint")
    monkeypatch.setitem(ENGINES, "dummy", spec)
    with pytest.raises(WeightsUnavailable, match="put a Dummy checkpoint there"):
        load_engine("dummy", weights, Device(), tmp_path)
    checkpoint = weights / "a.pth"
    checkpoint.write_bytes(b"dummy")
    assert load_engine("auto", weights, Device(), tmp_path).name == "dummy"
    found = inspect_checkpoint(checkpoint)
    assert (found["engine"], found["layout"]) == ("dummy", "dummy-1")
    checkpoint.write_bytes(b"nothing")
    assert "not a dummy" in str(inspect_checkpoint(checkpoint)["problem"])
    engine = load_engine("auto", weights, Device(), tmp_path)
    assert engine.name == "builtin"
    assert "is not a dummy." in engine.warnings[0]


def test_shipped_weights_of_a_new_engine_are_not_reported_as_unused(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (weights / "dummy").mkdir()
    (weights / "dummy" / "net.safetensors").touch()
    assert "dummy" in load_engine("auto", weights, Device(), tmp_path).warnings[0]
    spec = EngineSpec("Dummy", "dummy_loader:load", shipped_folder="dummy")
    monkeypatch.setitem(ENGINES, "dummy", spec)
    assert load_engine("auto", weights, Device(), tmp_path).warnings == ()


def test_every_module_that_the_table_names_exists() -> None:
    for spec in ENGINES.values():
        assert callable(resolve_name(spec.loader))
    for program in checkpoint_programs().values():
        assert find_spec(program) is not None


def test_every_shipped_weight_belongs_to_an_engine() -> None:
    manifest = json.loads((WEIGHTS / "manifest.json").read_text(encoding="utf-8"))
    folders = {name.split("/")[0] for name in manifest.get("files", manifest)}
    assert folders == {spec.shipped_folder for spec in ENGINES.values()} - {None}
