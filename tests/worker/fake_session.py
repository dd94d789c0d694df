"""Serves a real worker session, in the process that calls it, with a fake engine and renderer."""

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from heygem_daemon.engines.base import Device
from heygem_daemon.gpu.needs import ESTIMATE
from heygem_daemon.protocol import Load
from heygem_daemon.worker.main import Session, WorkerDependencies
from heygem_daemon.worker.wire import MessageReceiver, MessageSender, isolate_stdio


def fake_engine(name: str) -> Any:
    """Return an engine that can do nothing but be loaded."""
    return SimpleNamespace(
        name=name,
        device=Device(),
        precision="float32",
        precision_reason="",
        weights_sha256="00",
        warnings=(),
        networks=(),
        batch=1,
    )


def serve(load: Callable[[Load, MessageSender], Any], render: Any) -> None:
    """Serve the messages on stdin until they end, then end the process.

    ``load`` returns the engine; ``render`` is called like ``render_job``.
    """
    incoming, outgoing = isolate_stdio()
    send = MessageSender(outgoing)
    inbox = MessageReceiver(incoming, on_end=lambda: os._exit(0))
    dependencies = WorkerDependencies(
        lambda message: load(message, send),
        read_stamp=lambda load: 0,
        resolve_need=lambda engine, load: ESTIMATE,
        record_peak=lambda engine, load: None,
        render=render,
        release_cached_memory=lambda: None,
    )
    Session(dependencies, send, inbox.halted).serve(inbox)
    os._exit(0)
