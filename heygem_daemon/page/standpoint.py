"""From where somebody looks at a page, and what he calls there what has ended. Pure."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from heygem_daemon.config.folders import HotFolder
from heygem_daemon.page.forms import address_from, local_time, place_of
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.finished import FinishedBatch, FinishedJob
from heygem_daemon.report.kept import IsThere, is_kept
from heygem_daemon.spool.names import printable

DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Standpoint:
    """From where somebody looks at the page, and what he can do there."""

    retention_days: float
    """0: nothing is deleted."""

    is_there: IsThere = lambda _path: True

    folder: str = ""
    """The hot folder in whose outbox the page is; empty: the page is in the spool's root."""

    heeds_requests: bool = True
    """Whether he can steer jobs by files in the inbox."""

    hot_folders: tuple[HotFolder, ...] = ()
    """The hot folders that he finds in the inbox."""

    option_line: str = ""
    """The options that ``folder`` sets for its jobs; empty: none."""

    def has(self, ended: FinishedJob | FinishedBatch) -> bool:
        """Return whether what has ended was neither deleted nor taken back."""
        return is_kept(ended, self.is_there)

    def address(self, path: str) -> str:
        """Return the address of a path below the spool's root; empty: it leads to nothing."""
        page = f"outbox/{self.folder}" if self.folder else ""
        return address_from(page, path) if path and self.is_there(path) else ""

    def folder_address(self, path: str) -> str:
        """Do the same for a folder."""
        address = self.address(path)
        return f"{address}/" if address else ""

    def deletion(self, ended: float) -> str:
        """Return when what ended at UNIX time ``ended`` is deleted; empty: never."""
        if not self.retention_days:
            return ""
        return local_time(ended + self.retention_days * DAY_SECONDS)

    def place(self, path: str) -> str:
        """Return where something is, for people."""
        return place_of(path, self.folder)

    def batch_name(self, batch: FinishedBatch | BatchStatus) -> str:
        """Return a batch's name, as that of a job, with a slash at its end."""
        name = batch.name.removeprefix(f"{batch.folder}/")
        return f"{name if self.folder else in_folder(batch.folder, name)}/"

    def name(self, job: FinishedJob) -> str:
        """Return a job's name, with that of its hot folder only where there are others."""
        return own_name(job) if self.folder else in_folder(job.folder, own_name(job))


def own_name(job: FinishedJob) -> str:
    """Return the name of a job's result, or that of the folder of a failed one: requests know it by
    that, and several jobs may have had one name in the inbox."""
    if job.outcome == "published" and job.path:
        return printable(PurePosixPath(job.path).stem)
    return job.output.removeprefix(f"{job.folder}/")


def in_folder(folder: str, name: str) -> str:
    """Return a name with that of its hot folder before it; ``folder``: empty if there is none."""
    return f"{folder}/{name}" if folder else name
