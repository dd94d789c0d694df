"""What a worker may reach: less than its user, and in a job's thread nothing of another job.

There are two layers. The process is confined before its first thread starts and before it loads an
engine: it reads the program, the weights and what the machine tells of itself, and writes the cache
and the folder of all jobs. Each job is then rendered in a thread of its own, which also gives up
all jobs but its own: it reads the two media files and writes one workspace and the cache. Whatever
that thread starts (decoders, encoders, torch's own threads) inherits this. Restrictions cannot be
lifted, so the thread ends with its job. The engine stays loaded, because it belongs to the process.

Which attacks this stops:

- A file that makes a decoder open other files, or connect somewhere, by whatever trick of its
  format: both layers hold, and the decoder reaches its own job alone.
- A file that takes over the process by a flaw of a decoder: the first layer holds. The attacker
  reaches no inbox, outbox, done, failed, log, state, program, socket or other process. But threads
  share their memory: such code can make a thread of the first layer act for it, and so read and
  change the other jobs in ``processing/`` and what the cache holds. The kernel offers no way to
  keep a loaded engine and give each job another set of files but a process for each job, which
  would load the engine anew.

torch's pool of threads that was started while the engine was loaded has the first layer only. It
computes and opens no files; a job's thread gets a new pool, since OpenMP has one for each thread
that starts parallel work.

On a GPU nothing is confined: CUDA opens devices and files of the driver that have not been tried.
"""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heygem_daemon.protocol import Assisted, Load, Progress, Render, Rendered
from heygem_daemon.system.confinement import Permissions, confine_process, confine_thread

if TYPE_CHECKING:
    from heygem_daemon.engines.base import Engine

RenderJob = Callable[
    ["Engine[Any]", Render, Path, Callable[[Progress], None], Callable[[], bool]],
    Rendered | Assisted,
]

OFF = "not confined: the setting confine is off"
OUTDATED = "the spool's folders were mounted again or made anew: another worker takes the job"
ON_GPU = "not confined: on a GPU this has not been tried yet"


@dataclass(frozen=True, slots=True)
class WorkerConfinement:
    """How far this process is confined."""

    description: str
    """For the log."""
    load: Load | None = None
    """The message whose folders it is confined to; None: no access to files is restricted."""
    identities: tuple[tuple[int, int] | None, ...] = ()
    """Those of its permissions when it was confined."""

    def is_outdated(self) -> bool:
        """Return whether the folders are others now: this process cannot reach them any more, and
        another must take its place."""
        return (
            self.load is not None and process_permissions(self.load).identities() != self.identities
        )

    def confined(self, render_job: RenderJob) -> RenderJob:
        """Return ``render_job`` as it is to be called: each job in a thread confined to it."""
        return render_job if self.load is None else ConfinedRenderer(render_job, self.load)


def confine_worker(load: Load) -> WorkerConfinement:
    """Confine this process as ``load`` asks, as far as the kernel can.

    Call it before the first thread starts. The folders that ``load`` names must exist; one that
    does not, because a share is away, is out of reach for this process also when it is back.
    """
    if load.device != "cpu":
        return WorkerConfinement(ON_GPU)
    if load.confine_to is None:
        return WorkerConfinement(OFF)
    permissions = process_permissions(load)
    identities = permissions.identities()
    result = confine_process(permissions)
    if not result.abi:
        return WorkerConfinement(str(result))
    # The system's folder for temporary files is closed.
    tempfile.tempdir = load.cache
    return WorkerConfinement(str(result), load, identities)


@dataclass(frozen=True, slots=True)
class ConfinedRenderer:
    """Renders each job in a new thread that can reach no other job."""

    render_job: RenderJob
    load: Load

    def __call__(
        self,
        engine: "Engine[Any]",
        render: Render,
        cache: Path,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ) -> Rendered | Assisted:
        """As ``render_job``. Raises OSError where the thread cannot be confined."""
        # A rule is for a folder that exists, and its parent is closed to the thread. Without the
        # job's own folder, which somebody has removed, the job must fail as it always did.
        if not render.assistant:
            with suppress(FileNotFoundError):
                Path(render.workspace).mkdir(exist_ok=True)

        def confine_and_render() -> Rendered | Assisted:
            confine_thread(job_permissions(self.load, render))
            return self.render_job(engine, render, cache, on_progress, should_stop)

        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="job") as thread:
            return thread.submit(confine_and_render).result()


def process_permissions(load: Load) -> Permissions:
    """Return what the process needs for all its jobs."""
    jobs = () if load.confine_to is None else (Path(load.confine_to),)
    return Permissions(read=readable_weights(load), write=(Path(load.cache), *jobs))


def job_permissions(load: Load, render: Render) -> Permissions:
    """Return what the thread of a job needs."""
    return Permissions(
        read=readable_weights(load),
        write=(Path(load.cache), Path(render.workspace)),
        files=(Path(render.audio), Path(render.video)),
    )


def readable_weights(load: Load) -> tuple[Path, ...]:
    """Return the folders of the shipped weights and of the user's checkpoints."""
    folders = [load.weights, *([load.checkpoints] if load.checkpoints else [])]
    return tuple(path for folder in folders for path in weights_files(Path(folder)))


def weights_files(weights: Path) -> tuple[Path, ...]:
    """Return the folder of the weights, and where links in it lead: operators keep large
    checkpoints on other disks."""
    try:
        entries = sorted((*weights.glob("*"), *weights.glob("*/*")))
    except OSError:
        entries = []
    return (weights, *(path.resolve() for path in entries if path.is_symlink()))
