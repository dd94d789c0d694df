"""Render the demo pair over a real network share: Samba on this machine, with the shipped smb.conf.

``make share-demo`` uploads the pair slowly, waits for the result, and downloads it; the last line
names the downloaded mp4. Needs Samba's server and client, and root to start the server.
"""

import hashlib
import tempfile
import time
from pathlib import Path

from demo.run import HERE, daemon, wait_for
from demo.samba import EXAMPLE, Client, missing, shared

NAME = "presenter"
BYTES_A_SECOND = 150_000
"""Slow enough that the upload takes longer than the settle time."""


def upload(client: Client) -> None:
    """Upload the pair, one file after the other, as over a slow line."""
    for source in (HERE / "speech.wav", HERE / "presenter.mp4"):
        target = f"inbox/{NAME}{source.suffix}"
        print(f"uploading {target}, {source.stat().st_size} bytes at {BYTES_A_SECOND} a second")
        client.upload(source, target, BYTES_A_SECOND)


def digest(path: Path) -> str:
    """Return the SHA-256 in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Entry point."""
    if reason := missing():
        raise SystemExit(f"share-demo: {reason}")
    folder = Path(tempfile.mkdtemp(prefix="heygem-share-demo-"))
    spool, samba, local = (folder / name for name in ("spool", "samba", "downloads"))
    for new in (spool, samba, local):
        new.mkdir()
    with daemon(spool) as process, shared(spool, samba) as client:
        print(f"Samba serves {spool} at 127.0.0.1:{client.port}, configured by {EXAMPLE}")
        while not (spool / "inbox").is_dir() and process.poll() is None:
            time.sleep(0.1)
        upload(client)
        published = wait_for(spool, NAME, process)
        print(client.run("outbox", "ls"))
        for file in sorted(published.parent.iterdir()):
            client.download(f"outbox/{file.name}", local / file.name)
    result = local / published.name
    if digest(result) != digest(published):
        raise SystemExit(f"{result} differs from {published}")
    print(f"downloaded, SHA-256 {digest(result)} as published: {result}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
