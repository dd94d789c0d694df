"""The whole examination, on this machine and under scripted drivers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor import examination
from heygem_daemon.doctor.check import Check, failed
from heygem_daemon.doctor.examination import DoctorInputs, examine
from heygem_daemon.doctor.gpus import TypicalJob
from heygem_daemon.gpu.needs import ESTIMATE
from heygem_daemon.gpu.placement_request import PlacementRequest, Policy

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
QUICK_EXAMINATION = (
    "import sys; from pathlib import Path;"
    " from heygem_daemon.config.settings import Settings;"
    " from heygem_daemon.doctor.examination import DoctorInputs, examine;"
    " from heygem_daemon.doctor.gpus import TypicalJob;"
    " from heygem_daemon.gpu.needs import ESTIMATE;"
    " from heygem_daemon.gpu.placement_request import PlacementRequest, Policy;"
    " job = TypicalJob(Policy('cpu'), PlacementRequest('auto', lambda name: ESTIMATE));"
    " inputs = DoctorInputs(Settings(spool=Path(sys.argv[1])), job);"
    " found = [check.name for each in examine(inputs, quick=True) for check in each.checks];"
    " assert not {'torch', 'av', 'numpy', 'pynvml'} & set(sys.modules); print(len(found))"
)


def examined(settings: Settings, quick: bool) -> dict[str, Check]:
    inputs = DoctorInputs(
        settings, TypicalJob(Policy("cpu"), PlacementRequest("auto", lambda _name: ESTIMATE))
    )
    return {check.name: check for each in examine(inputs, quick) for check in each.checks}


def test_rule_23_what_is_examined_is_never_loaded_into_the_doctor(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", QUICK_EXAMINATION, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert int(child.stdout) > 10


@pytest.mark.slow
def test_this_machine_is_examined(tmp_path: Path) -> None:
    settings = Settings(spool=tmp_path / "spool", device="cpu")
    found = examined(settings, quick=False)
    for name in ("Python", "torch", "torchaudio", "encoder", "weights", "folders", "log folder"):
        assert found[name].verdict == "pass", found[name]
    assert not (tmp_path / "spool").exists()
    quick = examined(settings, quick=True)
    assert set(quick) < set(found)


def test_environment_is_as_it_was(tmp_path: Path) -> None:
    before = dict(os.environ)
    examined(Settings(spool=tmp_path), quick=True)
    assert dict(os.environ) == before


def test_where_the_unit_denies_a_folder_nothing_within_it_is_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = failed("sandbox", "the unit's ProtectSystem= makes it read-only", "Run as root: …")
    settings = Settings.model_validate({"spool": tmp_path})
    monkeypatch.setattr(examination, "sandbox_checks", lambda _places: [denied])
    found = examination._spool(settings)
    assert found[0] == denied
    assert "folders" not in {each.name for each in found}
    monkeypatch.setattr(examination, "sandbox_checks", lambda _places: [])
    assert "folders" in {each.name for each in examination._spool(settings)}
