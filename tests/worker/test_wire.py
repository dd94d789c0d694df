"""The worker's end of the wire."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from heygem_daemon.protocol import (
    FROM_WORKER,
    Halt,
    LogMessage,
    MemoryUsage,
    Pause,
    Render,
    encode_message,
)
from heygem_daemon.worker.wire import MessageReceiver, MessageSender

RENDER = Render(job_id="one", audio="a", video="v", workspace="w")


def test_messages_arrive_in_order_and_halt_is_seen_ahead_of_them() -> None:
    read, write = os.pipe()
    ended = threading.Event()
    with os.fdopen(read, "rb") as incoming:
        inbox = MessageReceiver(incoming, on_end=ended.set)
        assert not inbox.halted()
        os.write(write, encode_message(RENDER) + encode_message(Halt()))
        os.close(write)
        assert ended.wait(60)
        assert inbox.halted()
        messages = iter(inbox)
        assert [next(messages), next(messages)] == [RENDER, Halt()]


def test_a_pause_is_seen_until_its_job_goes_on() -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as incoming:
        inbox = MessageReceiver(incoming, on_end=lambda: None)
        messages = iter(inbox)
        os.write(write, encode_message(RENDER) + encode_message(Pause(job_id="one")))
        os.write(write, encode_message(RENDER.model_copy(update={"job_id": "two"})))
        assert [getattr(next(messages), "job_id", None) for _ in range(2)] == ["one", "two"]
        assert not inbox.paused("one"), "a later Render begins anew"
        os.write(write, encode_message(Pause(job_id="two")))
        os.close(write)
        deadline = time.monotonic() + 60
        while not inbox.paused("two") and time.monotonic() < deadline:
            time.sleep(0.01)
        assert inbox.paused("two")
        assert not inbox.paused("one")
        assert not inbox.halted(), "the worker stays"


def test_messages_from_several_threads_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "wire"
    with path.open("wb") as outgoing:
        send = MessageSender(outgoing)

        def talk() -> None:
            for _ in range(50):
                send(LogMessage(level="INFO", text="x" * 5000))

        threads = [threading.Thread(target=talk) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = path.read_bytes().splitlines()
    assert len(lines) == 200
    assert all(isinstance(FROM_WORKER.validate_json(line), LogMessage) for line in lines)


def test_a_supervisor_that_is_gone_is_no_error_of_the_sender() -> None:
    read, write = os.pipe()
    os.close(read)
    outgoing = os.fdopen(write, "wb", buffering=0)
    MessageSender(outgoing)(MemoryUsage(rss_bytes=1))
    outgoing.close()


def test_nobody_but_the_sender_can_write_on_the_wire() -> None:
    program = """
import os, subprocess, sys
from heygem_daemon.protocol import MemoryUsage
from heygem_daemon.worker.wire import MessageSender, isolate_stdio
incoming, outgoing = isolate_stdio()
print("a library prints")
sys.stdout.flush()
os.write(1, b"native code prints\\n")
subprocess.run(["echo", "a child prints"])
assert sys.stdin.read() == ""
MessageSender(outgoing)(MemoryUsage(rss_bytes=len(incoming.readline())))
"""
    child = subprocess.run(
        [sys.executable, "-c", program], input=b"12345\n", capture_output=True, check=True
    )
    assert child.stdout == encode_message(MemoryUsage(rss_bytes=6))
    for source in (b"a library prints", b"native code prints", b"a child prints"):
        assert source in child.stderr


def test_a_process_that_asked_for_it_dies_with_its_parent() -> None:
    worker = (
        "import time; from heygem_daemon.worker.wire import die_with_parent;"
        " die_with_parent(); print('armed', flush=True); time.sleep(600)"
    )
    supervisor = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {worker!r}], stdout=subprocess.PIPE)
assert child.stdout.readline() == b"armed\\n"
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    found = subprocess.run(
        [sys.executable, "-c", supervisor], stdout=subprocess.PIPE, timeout=120, check=False
    )
    deadline = time.monotonic() + 60
    while is_alive(int(found.stdout)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether there is such a process that is no zombie (proc(5): the state letter)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
