"""Events of jobs, batches and the inbox."""

from heygem_daemon.events.event import Event


class JobClaimed(Event, text="job claimed[, dropped by {owner}]"):
    """The pair was complete, and the daemon took it."""

    owner: str | None = None
    """The user's name; None: not known."""

    uid: int | None = None


class JobStarted(Event, text="job started on {device}, attempt {attempt}[, {member} of {members}]"):
    """Handed to a worker; a member of a batch has its place in it."""

    device: str
    attempt: int
    member: int | None
    members: int | None


class JobOnOtherDisk(
    Event,
    text="the job is on the disk that was mounted here before; it continues when that disk is back",
    level="WARNING",
):
    """Another disk or share was mounted over the spool."""


class StageBegan(Event, text="stage {stage}, after {seconds:.0f} s of {before}"):
    """A job that runs for a minute or more goes on to its next stage; before that, the level is
    DEBUG."""

    stage: str
    before: str
    seconds: float


class ChunkDone(
    Event,
    text="chunk {chunk}/{of} at {fps:.1f} fps, {percent} %[, {left_seconds:time} left]",
):
    """That chunk is on disk; frames a second since rendering began, share of all frames, and the
    time until the last."""

    chunk: int
    of: int
    fps: float
    percent: int
    left_seconds: int | None


class ChunkTakenOver(Event, text="chunk {chunk}/{of} taken over"):
    """An earlier attempt had drawn it."""

    chunk: int
    of: int


class JobGoesOn(
    Event, text="{stage} for {seconds:.0f} s[, {percent} %][, {left_seconds:time} left]"
):
    """A sign of life, once a minute, where nothing else is logged of a job."""

    stage: str
    seconds: float
    percent: int | None
    left_seconds: int | None


class JobInterrupted(Event, text="job interrupted; what is rendered is kept"):
    """The daemon stops; the job goes on at the next start."""


class JobPauses(Event, text="job pauses: {other} has its turn"):
    """Somebody else's job has waited too long; this one goes on from its last finished chunk."""

    other: str


class ChunksShared(Event, text="{device} draws chunks of it too"):
    """Nothing else waits for that worker. It stops as soon as another job does."""

    device: str


class SharingEnded(Event, text="{device} draws no more chunks of it: {reason}", level="WARNING"):
    """The job's own worker draws what is missing."""

    device: str
    reason: str


class TrackingShared(Event, text="{device} follows its face too"):
    """Nothing else waits for that worker. It stops as soon as another job does."""

    device: str


class TrackingShareEnded(
    Event, text="{device} follows its face no more: {reason}", level="WARNING"
):
    """The job's own worker follows the face in what is missing."""

    device: str
    reason: str


class JobPublished(Event, text="published as {file}"):
    """Done: seconds of work, and seconds of work per second of result."""

    file: str
    seconds: float
    ratio: float | None


class JobFailed(Event, text="failed: {reason}", level="ERROR"):
    """The job is in failed/; the reason is that of its reason.txt."""

    reason: str


class JobDropped(
    Event, text="dropped: its folder in processing/ was removed, not by the daemon", level="ERROR"
):
    """Somebody deleted a claimed job; its result cannot be made any more."""


class AttemptFailed(Event, text="attempt failed: {error}", level="ERROR"):
    """A crash; the lines below are the traceback or last output of the worker."""

    error: str
    attempt: int


class JobWaits(Event, text="job waits, next try in {seconds:.0f} s: {reason}", level="WARNING"):
    """A fault of the environment; it costs no attempt."""

    seconds: float
    reason: str


class JobWaitsAfterCrash(Event, text="job waits, next try in {seconds:.0f} s", level="WARNING"):
    """The pause after a crash."""

    seconds: float


class JobTriedElsewhere(Event, text="job is tried elsewhere at once: {reason}", level="WARNING"):
    """A device failed, and another one is healthy."""

    reason: str


class OutcomeDelayed(
    Event, text="the spool cannot take the job's outcome: {reason}", level="ERROR"
):
    """The result is kept, and its publication is tried again."""

    reason: str


class ResultUnsigned(Event, text="{reason}; the result waits until it can be", level="ERROR"):
    """The result is rendered and kept; signing is tried again. No result is published unsigned."""

    reason: str


class ResultWarning(Event, text="{warning}", level="WARNING"):
    """What the review of a result found."""

    warning: str


class BatchClaimed(Event, text="batch claimed: {description}[, dropped by {owner}]"):
    """The daemon took the whole folder."""

    description: str
    owner: str | None = None
    uid: int | None = None


class BatchFileIgnored(Event, text="{name} {reason}; it is not used", level="WARNING"):
    """A file of the batch that is neither audio, video nor a usable sidecar."""

    name: str
    reason: str


class MoreFilesIgnored(Event, text="and more: of {count} files nothing is made", level="WARNING"):
    """A batch holds many such files; only the first ones are logged one by one."""

    count: int


class BatchDropped(
    Event, text="dropped: its folder in processing/ was removed, not by the daemon", level="ERROR"
):
    """Somebody deleted a claimed batch."""


class BatchAdvanced(Event, text="{done} of {of} done[, {failed} of them failed]"):
    """How far a batch is."""

    done: int
    of: int
    failed: int


class BatchPacked(Event, text="packing {results} of its results into {zip}.zip, {mib} MiB"):
    """All members have ended; the ZIP is written."""

    results: int
    zip: str
    mib: int


class BatchResultsMissing(
    Event, text="taken out of the outbox before the ZIP was made: {files}", level="WARNING"
):
    """Results that somebody collected before the ZIP held them."""

    files: str


class BatchSummaryBlocked(
    Event,
    text="outbox/{folder}/batch.json is not written: somebody has put something else there",
    level="WARNING",
):
    """A user made a folder or the like in its place. The batch goes on without it."""

    folder: str


class BatchFinished(
    Event, text="batch finished: {published} published, {failed} failed[; all of it in {zip}]"
):
    """The batch is closed."""

    published: int
    failed: int
    zip: str


class JobLinesLeftOut(
    Event,
    text=(
        "lines about jobs of {owner} that are not logged one by one: {count}; their outcomes are "
        "in the history"
    ),
    level="WARNING",
):
    """Many jobs of one user that are not published: 300 lines are logged, then one a second."""

    owner: str
    count: int


class InboxWarning(Event, text="{reason}", level="WARNING"):
    """Something in the inbox that a person has to act on."""

    file: str
    reason: str


class InboxWarningsLeftOut(
    Event,
    text=(
        "warnings about the inbox that are not logged one by one: {count}; `heygem-daemon "
        "status` lists what waits"
    ),
    level="WARNING",
):
    """Many files at once: 20 warnings are logged, then two a minute."""

    count: int
