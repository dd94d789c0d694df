"""What must be alike on the machines of a cluster, and what differs."""

from hashlib import file_digest, sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

from heygem_daemon import __version__
from heygem_daemon.cluster.messages import NodeFacts
from heygem_daemon.engines.checkpoints import find_checkpoints
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.installation import PACKAGE, shipped_weights

MAX_SENTINEL_BYTES = 4096


def gather_facts(spool: Path, checkpoints: Path) -> NodeFacts:
    """Return the facts of this machine. Reads all weights, which takes seconds where there are
    large checkpoints."""
    fault = ""
    sentinel = ""
    try:
        sentinel = read_sentinel(spool)
        require_writable(Spool(spool).cache)
    except OSError as error:
        fault = f"the spool {spool} cannot be used there: {error.strerror or error}"
    return NodeFacts(
        version=read_version(),
        weights=hash_weights(shipped_weights(), checkpoints),
        spool=sentinel,
        fault=fault,
    )


def find_difference(owner: NodeFacts, node: NodeFacts) -> str | None:
    """Return why a node gets no work, as a clause; None: it may have it."""
    if owner.fault:
        return f"the daemon's own machine: {owner.fault}"
    if node.version != owner.version:
        return f"it has version {node.version}, the daemon {owner.version}"
    if node.fault:
        return node.fault
    if node.spool != owner.spool:
        return "the folder there is not the daemon's spool: see cluster_paths"
    if node.weights != owner.weights:
        return "its weights or checkpoints are not those of the daemon's machine"
    return None


def read_version() -> str:
    """Return the version of the program, with its commit where that is known."""
    try:
        commit = (PACKAGE / "COMMIT").read_text().strip()
    except OSError:
        commit = ""
    return f"{__version__} ({commit[:12]})" if commit else __version__


def read_sentinel(spool: Path) -> str:
    """Return what tells a spool from others. Raises OSError."""
    with (Spool(spool).state / "spool-id").open("rb") as file:
        return file.read(MAX_SENTINEL_BYTES).decode(errors="replace").strip()


def require_writable(cache: Path) -> None:
    """Raise OSError where this process may not write into the spool's cache."""
    with NamedTemporaryFile(dir=cache, prefix=".node-"):
        pass


def hash_weights(weights: Path, checkpoints: Path) -> str:
    """Return a hash of the names and contents of all weights. A file that cannot be read counts as
    such."""
    digest = sha256()
    for path in (*sorted(weights.rglob("*.safetensors")), *find_checkpoints(checkpoints)):
        digest.update(path.name.encode(errors="surrogateescape") + b"\0")
        try:
            with path.open("rb") as file:
                digest.update(file_digest(file, "sha256").digest())
        except OSError:
            digest.update(b"unreadable")
    return digest.hexdigest()
