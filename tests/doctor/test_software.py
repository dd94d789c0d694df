"""The doctor's findings about libraries."""

from typing import Any

import pytest

from heygem_daemon.doctor.software import ask, torch_check

CPU_BUILD: dict[str, Any] = {"version": "2.13.0+cpu", "cuda": None, "gpus": []}
BLIND = {"version": "2.13.0+cu130", "cuda": "13.0", "gpus": []}
SEEING = {"version": "2.13.0+cu130", "cuda": "13.0", "gpus": ["NVIDIA L4"]}


def test_a_program_answers_with_the_last_line_it_prints() -> None:
    assert ask("print('noise'); print('{\"a\": 1}')") == {"a": 1}


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("raise OSError('libc10_cuda.so')", "OSError: libc10_cuda.so"),
        ("import os; os.kill(os.getpid(), 11)", "status -11"),
        ("print('no JSON')", "no JSON"),
        ("pass", "nothing"),
    ],
)
def test_a_program_that_fails_is_a_finding(program: str, said: str) -> None:
    answer = ask(program)
    assert isinstance(answer, str)
    assert said in answer


def test_a_program_that_hangs_is_a_finding() -> None:
    answer = ask("import time; time.sleep(60)", seconds=0.2)
    assert isinstance(answer, str)
    assert "no answer" in answer


@pytest.mark.parametrize(
    ("answer", "device", "verdict"),
    [
        (SEEING, "auto", "pass"),
        (SEEING, "cuda", "pass"),
        (BLIND, "auto", "warn"),
        (BLIND, "cuda", "fail"),
        (BLIND, "cpu", "pass"),
        (CPU_BUILD, "auto", "pass"),
        (CPU_BUILD, "cpu", "pass"),
        (CPU_BUILD, "cuda", "fail"),
        ("OSError: libc10_cuda.so", "cpu", "fail"),
    ],
)
def test_torch_is_held_against_the_device_setting(
    answer: dict[str, Any] | str, device: str, verdict: str
) -> None:
    assert torch_check(answer, device).verdict == verdict
