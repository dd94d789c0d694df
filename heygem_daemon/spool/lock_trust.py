"""Whether the lock of a spool can be trusted: that only one daemon has it, on whatever machine."""

from heygem_daemon.spool.mounts import MountInfo

_TRUSTED = frozenset({"nfs", "nfs4", "ceph", "gfs2", "ocfs2", "gpfs"})
"""File systems of several machines whose server or cluster grants flock(2) locks to one of them:
nfs(5), mount.ceph(8), and the cluster file systems that use a lock manager."""

_LOCAL_LOCKS = frozenset({"nolock", "local_lock=all", "local_lock=flock"})
"""Options of nfs(5) with which locks are not seen by other machines."""


def lock_doubt(mount: MountInfo) -> str | None:
    """Return why a lock on a mount says nothing of other machines' daemons; None: it does.

    On a file system of this machine alone there are no others. flock(2) lists what each kind of
    network file system does with locks. SMB is doubted too: there, a lock keeps others from reading
    the file, so that nobody can check who has it.
    """
    if not mount.is_network:
        return None
    if mount.type == "lustre":
        return None if "flock" in mount.options else "it is mounted without the option flock"
    if mount.type not in _TRUSTED:
        return f"on the file system {mount.type}, locks may not be seen by other machines"
    local = sorted(_LOCAL_LOCKS.intersection(mount.options))
    return f"it is mounted with {local[0]}, which keeps locks on this machine" if local else None
