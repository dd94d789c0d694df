"""Remedies that help: in the right order, and never in vain."""

import io
from functools import partial
from pathlib import Path

import pytest

from heygem_daemon.cli.doctor import print_sections
from heygem_daemon.doctor.check import Section, failed, passed, warned
from heygem_daemon.doctor.checkpoints import needed_checkpoint_check
from heygem_daemon.doctor.child import ProbeFailure
from heygem_daemon.doctor.gpus import gpu_checks
from heygem_daemon.doctor.software import torch_build_check, torch_import_checks
from heygem_daemon.doctor.speed import speed_checks
from heygem_daemon.doctor.weights import weights_checks
from heygem_daemon.gpu.torch_build import TorchBuild
from heygem_daemon.system.installation import Installation, InstallationKind
from tests.doctor.test_gpus import FULL, NONE, job, readings_of

CPU_BUILD = TorchBuild("2.11.0+cpu", None)


def test_without_a_driver_the_driver_comes_before_the_rebuild() -> None:
    check = torch_build_check(CPU_BUILD, NONE, "cuda")
    assert check.verdict == "fail"
    assert check.remedy.startswith("Make the driver work first")
    with_gpu = torch_build_check(CPU_BUILD, readings_of(FULL), "cuda")
    assert with_gpu.remedy.startswith("Remove .venv and run 'make venv'")


def test_the_remedies_fit_the_way_in_which_the_program_is_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def remedies() -> list[str]:
        failure = ProbeFailure("crashed (SIGSEGV)")
        checks = (
            torch_build_check(None, NONE, "cpu"),
            torch_build_check(CPU_BUILD, NONE, "cuda"),
            torch_build_check(CPU_BUILD, readings_of(FULL), "cuda"),
            *torch_import_checks(failure),
            *speed_checks(failure, []),
            *weights_checks(tmp_path),
        )
        return [check.remedy for check in checks]

    in_checkout = remedies()
    assert all("'make venv'" in each or "git checkout" in each for each in in_checkout)
    kinds: dict[InstallationKind, str] = {
        "service": "systemd/install.sh",
        "package": "-m pip install",
    }
    for kind, words in kinds.items():
        find = partial(Installation, kind, Path("/env"))
        for module in ("software", "speed", "weights"):
            monkeypatch.setattr(f"heygem_daemon.doctor.{module}.find_installation", find)
        assert [each for each in remedies() if words not in each] == []
        assert not any("make venv" in each or ".venv" in each for each in remedies())


def test_a_running_daemon_is_not_blamed_for_a_missing_driver() -> None:
    (check,) = gpu_checks(NONE, job("cuda"), daemon_running=True)
    assert check.verdict == "fail"
    assert "Make the driver work" in check.remedy


def test_an_engine_without_the_checkpoint_that_it_needs_is_not_fit(tmp_path: Path) -> None:
    (check,) = needed_checkpoint_check("wav2lip", tmp_path, None)
    assert (check.verdict, "heygem-daemon weights add" in check.remedy) == ("fail", True)
    (tmp_path / "a.pth").write_bytes(b"12345")
    (check,) = needed_checkpoint_check("wav2lip", tmp_path, None)
    assert (check.verdict, "a.pth has 5 bytes" in check.detail) == ("fail", True)
    with (tmp_path / "a.pth").open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(4 << 20)
    assert needed_checkpoint_check("wav2lip", tmp_path, None) == []
    broken = [warned("checkpoint a.pth", "is damaged", "Replace it.")]
    (check,) = needed_checkpoint_check("wav2lip", tmp_path, broken)
    assert check.verdict == "fail"
    assert needed_checkpoint_check("wav2lip", tmp_path, [passed("checkpoint a.pth", "")]) == []
    for engine in ("auto", "builtin"):
        assert needed_checkpoint_check(engine, tmp_path / "none", None) == []


def test_at_the_start_only_what_is_not_well_is_printed() -> None:
    sections = [
        Section("a", (passed("good", "x"), warned("slow", "y", "z"))),
        Section("b", (passed("fine", "x"),)),
        Section("c", (failed("bad", "y", "z"),)),
    ]
    stream = io.StringIO()
    assert not print_sections(sections, stream, only_problems=True)
    assert [line.split(":")[0] for line in stream.getvalue().splitlines()] == [
        "warn slow",
        "fail bad",
        "Unfit",
    ]
    assert "1 failed, 1 warned, 2 passed" in stream.getvalue()
