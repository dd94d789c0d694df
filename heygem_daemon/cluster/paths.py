"""A path of the spool on one machine, as it is on another that mounts the spool elsewhere. Pure."""

from pathlib import PurePosixPath

from heygem_daemon.protocol import FromWorker, Render, Rendered


def move(path: str, old: str, new: str) -> str:
    """Return ``path`` below ``new`` as it is below ``old``; unchanged where it is not below it."""
    try:
        return str(PurePosixPath(new) / PurePosixPath(path).relative_to(old))
    except ValueError:
        return path


def render_there(render: Render, here: str, there: str) -> Render:
    """Return an order to a worker of another machine. ``here``, ``there``: the spool."""
    names = ("audio", "video", "workspace", "assistant")
    return render.model_copy(
        update={name: move(getattr(render, name), here, there) for name in names}
    )


def message_here(message: FromWorker, there: str, here: str) -> FromWorker:
    """Return a worker's message with the paths of the daemon's machine."""
    if not isinstance(message, Rendered):
        return message
    strip = None if message.strip is None else move(message.strip, there, here)
    return message.model_copy(
        update={
            "result": move(message.result, there, here),
            "report": move(message.report, there, here),
            "strip": strip,
        }
    )
