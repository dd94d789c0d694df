"""The flag that the main loop sleeps on."""

import signal
import threading
from collections.abc import Iterator

import pytest

from heygem_daemon.service.runtime import WakeEvent


@pytest.fixture
def wake() -> Iterator[WakeEvent]:
    flag = WakeEvent()
    yield flag
    flag.close()


def test_a_set_flag_ends_one_wait(wake: WakeEvent) -> None:
    wake.set()
    wake.set()
    assert wake.wait(0)
    assert not wake.wait(0)


def test_another_thread_ends_the_wait(wake: WakeEvent) -> None:
    threading.Timer(0.02, wake.set).start()
    assert wake.wait(60)


def test_a_signal_handler_ends_the_wait(wake: WakeEvent) -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: wake.set())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        assert wake.wait(60)
    finally:
        signal.signal(signal.SIGALRM, before)
