"""A worker process without an engine, for benchmarks of everything around the rendering.

Speaks the protocol of ``heygem_daemon.protocol`` with the standard library alone, so that it starts
in milliseconds. A job whose sound begins with ``refuse`` is refused; every other job gets a small
file made from its sound as its result.
"""

import json
import sys
from pathlib import Path

CHUNKS = 3
REFUSE = b"refuse"
READY = {
    "engine": "fake",
    "device": "cpu",
    "device_name": "CPU",
    "uuid": None,
    "precision": "float32",
    "seconds": 0.0,
    "vram_bytes": None,
    "rss_bytes": 1,
    "weights_sha256": "",
}


def send(kind: str, **fields: object) -> None:
    """Write one message to the supervisor."""
    sys.stdout.write(json.dumps({"kind": kind, **fields}) + "\n")
    sys.stdout.flush()


def result_of(sound: bytes) -> bytes:
    """Return the bytes of the result for ``sound``."""
    return b"result of " + sound


def render(message: dict[str, str]) -> None:
    """Answer a ``render`` message with progress, and with ``rendered`` or ``refused``."""
    job, workspace = message["job_id"], Path(message["workspace"])
    sound = Path(message["audio"]).read_bytes()
    if sound.startswith(REFUSE):
        send("refused", job_id=job, reason="There is no face.", remedy="Show one.")
        return
    for number in range(CHUNKS):
        send("progress", job_id=job, stage="render", chunk=number + 1, chunks=CHUNKS)
    files = {"result": "result.mp4", "report": "report.json", "strip": "strip.png"}
    paths = {key: workspace / name for key, name in files.items()}
    paths["result"].write_bytes(result_of(sound))
    paths["report"].write_bytes(b'{"coverage": 1.0}')
    paths["strip"].write_bytes(sound)
    send("rendered", job_id=job, **{key: str(path) for key, path in paths.items()})


def main() -> None:
    """Answer messages until the supervisor stops this process."""
    for line in sys.stdin:
        message = json.loads(line)
        if message["kind"] == "load":
            send("ready", **READY)
        elif message["kind"] == "render":
            render(message)
        else:
            send("halted")
            return


if __name__ == "__main__":
    main()
