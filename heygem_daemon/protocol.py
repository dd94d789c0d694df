"""The wire between supervisor and worker: one JSON object a line, each a message of a kind.

Paths on the wire are inside the spool's ``processing/`` folder, where every name is ours and
ASCII; the users' names never travel.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from heygem_daemon.config.choices import FaceChoice, Loop


class Message(BaseModel):
    """Base of all messages: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RenderOptions(Message):
    """What a user may choose for a job; the defaults are those of the settings."""

    loop: Loop = "pingpong"
    face: FaceChoice = "largest"
    chunk_seconds: float = Field(default=30.0, gt=0)
    min_coverage: float = Field(default=0.1, ge=0, le=1)
    strip: bool = True
    crf: int = Field(default=18, ge=0, le=51)
    preset: str = "veryfast"


class Load(Message):
    """First message to a worker: load this engine on this device ('cpu' or 'cuda:0')."""

    kind: Literal["load"] = "load"
    engine: str
    device: str
    device_name: str = ""
    """As the driver calls it."""
    uuid: str | None = None
    weights: str
    cache: str
    threads: int = 0
    """Compute threads on the CPU; 0: what suits the engine."""


class Render(Message):
    """Render a job; results and checkpoints are written below ``workspace``, on whose disk
    ``keep_free_bytes`` are to stay free."""

    kind: Literal["render"] = "render"
    job_id: str
    audio: str
    video: str
    workspace: str
    engine: str | None = None
    """The job's own choice; None: the engine that the worker was told to load."""
    options: RenderOptions = RenderOptions()
    keep_free_bytes: int = 0
    keep_free_vram_bytes: int = 0
    """What of a GPU's memory is to be left to others."""


class Halt(Message):
    """Finish the chunk at hand, answer Halted, and exit."""

    kind: Literal["halt"] = "halt"


class Ready(Message):
    """The engine is resident, and this is the evidence.

    ``parameters_device``: where torch says that the networks' weights lie. Bytes are of this
    process: video memory that torch's allocator has reserved, and what of it is in use; resident
    main memory. ``batch`` to ``host_bytes``: frames in a batch, and what the engine needs for a
    job (``gpu.needs``).
    """

    kind: Literal["ready"] = "ready"
    engine: str
    device: str
    device_name: str
    uuid: str | None
    precision: str
    precision_reason: str = ""
    parameters_device: str = ""
    seconds: float
    vram_bytes: int | None
    vram_allocated_bytes: int | None = None
    rss_bytes: int
    weights_sha256: str
    batch: int = 0
    resident_bytes: int = 0
    per_frame_bytes: int = 0
    host_bytes: int = 0


class Unfit(Message):
    """The engine could not be loaded, for an environment's reason; the worker exits.
    ``of_device``: the GPU failed."""

    kind: Literal["unfit"] = "unfit"
    reason: str
    of_device: bool = False


class Progress(Message):
    """How far a job is. ``fps`` is output frames a second since the job's rendering began."""

    kind: Literal["progress"] = "progress"
    job_id: str
    stage: Literal["probe", "listen", "track", "render", "join", "review"]
    chunk: int = 0
    chunks: int = 0
    frames: int = 0
    total_frames: int = 0
    fps: float = 0.0


class LogMessage(Message):
    """A line for the operator's log from inside the worker."""

    kind: Literal["note"] = "note"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    text: str
    job_id: str | None = None


class Rendered(Message):
    """The job is rendered and verified; the files lie in its workspace."""

    kind: Literal["rendered"] = "rendered"
    job_id: str
    result: str
    report: str
    strip: str | None = None


class Refused(Message):
    """Bad input: the reason, and what a person can do."""

    kind: Literal["refused"] = "refused"
    job_id: str
    reason: str
    remedy: str = ""


class Deferred(Message):
    """An environment fault: the job is to be tried again later and has lost no attempt.

    ``of_memory``: too little of it, which may be the job's own doing. ``of_device``: the GPU
    failed, and the worker exits.
    """

    kind: Literal["deferred"] = "deferred"
    job_id: str
    reason: str
    of_memory: bool = False
    of_device: bool = False


class Crashed(Message):
    """A bug: the traceback is for the log, the error's one line for ``reason.txt``."""

    kind: Literal["crashed"] = "crashed"
    job_id: str
    error: str
    traceback: str


class Halted(Message):
    """Answer to Halt: what is finished of ``job_id`` is checkpointed."""

    kind: Literal["halted"] = "halted"
    job_id: str | None = None


class MemoryUsage(Message):
    """Memory of the worker, sent between jobs and about once a second during one."""

    kind: Literal["vitals"] = "vitals"
    rss_bytes: int
    vram_reserved_bytes: int | None = None
    vram_active_bytes: int | None = None


ToWorker = Annotated[Load | Render | Halt, Field(discriminator="kind")]
FromWorker = Annotated[
    Ready
    | Unfit
    | Progress
    | LogMessage
    | Rendered
    | Refused
    | Deferred
    | Crashed
    | Halted
    | MemoryUsage,
    Field(discriminator="kind"),
]

TO_WORKER: TypeAdapter[ToWorker] = TypeAdapter(ToWorker)
FROM_WORKER: TypeAdapter[FromWorker] = TypeAdapter(FromWorker)


def encode_message(message: Message) -> bytes:
    """One line, with its newline."""
    return message.model_dump_json().encode() + b"\n"
