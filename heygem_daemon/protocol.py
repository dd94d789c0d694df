"""The messages between supervisor and worker: one JSON object per line.

Paths of a job are inside the spool's ``processing/`` folder, where every name is ASCII and chosen
by the daemon. Users' file names are never sent.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from heygem_daemon.config.choices import FaceChoice, Loop
from heygem_daemon.config.label import LabelOptions
from heygem_daemon.config.media_limits import MediaLimits
from heygem_daemon.config.output_options import OutputOptions
from heygem_daemon.system.priority import IoPriority
from heygem_daemon.system.untrusted import MESSAGE_LIMITS, UnreadableText, parse_json


class Message(BaseModel):
    """Base of all messages: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RenderOptions(OutputOptions):
    """What a user may choose for a job. The defaults are those of the settings."""

    loop: Loop = "pingpong"
    """How a video continues that is shorter than the audio."""
    face: FaceChoice = "largest"
    """Which face speaks."""
    chunk_seconds: float = Field(default=30.0, gt=0)
    """Length of a chunk, seconds."""
    min_coverage: float = Field(default=0.1, ge=0, le=1)
    """Least share of the frames that must have a usable face."""
    strip: bool = True
    """Whether to make the before/after picture."""
    given: tuple[str, ...] = ()
    """Names of the options that the job itself sets."""


class Load(Message):
    """The first message to a worker: load an engine on a device."""

    kind: Literal["load"] = "load"
    engine: str
    device: str
    """Torch's name: 'cpu' or 'cuda:0'."""
    device_name: str = ""
    """The driver's name."""
    uuid: str | None = None
    """The GPU's UUID; None: the CPU."""
    weights: str
    """Folder of the shipped weights."""
    checkpoints: str | None = None
    """Folder of the user's checkpoints; None: ``weights`` too."""
    cache: str
    """Folder that keeps files between jobs."""
    threads: int = 0
    """Compute threads on the CPU; 0: the engine chooses."""
    nice: int = Field(default=0, ge=0, le=19)
    """Niceness of the worker, see ``system.priority``."""
    io_priority: IoPriority = "normal"
    """Priority of its reads and writes."""
    confine_to: str | None = None
    """The folder of all jobs. The worker confines itself to it, ``weights`` and ``cache``, if it is
    on the CPU; None: it does not."""


class Render(Message):
    """Render a job."""

    kind: Literal["render"] = "render"
    job_id: str
    audio: str
    """Path of the audio file."""
    video: str
    """Path of the video."""
    workspace: str
    """Folder for results and checkpoints."""
    engine: str | None = None
    """The job's own choice; None: the engine of the ``Load`` message."""
    options: RenderOptions = RenderOptions()
    producer: str | None = None
    """Who is named in the marks of synthetic media (``media.marking``); None: no marks."""
    label: LabelOptions | None = None
    """Text that is drawn into the pictures; None: none."""
    keep_free_bytes: int = 0
    """Bytes to keep free on the disk of ``workspace``."""
    keep_free_vram_bytes: int = 0
    """Bytes of the GPU's memory to leave to other programs."""
    limits: MediaLimits = MediaLimits()
    """The most that its files may hold."""
    memory_bytes: int = 0
    """Main memory that the worker may take for the job; 0: half of the machine's."""
    cores: int = 0
    """How many of its threads may compute at the same time, on the CPU, where other jobs have the
    other cores; 0: as many as there are."""
    assistant: str = ""
    """Empty: render the job. Otherwise another worker does, and this one tracks pieces of its video
    or draws chunks of it into this folder, its own in the workspace; ``job_id`` is then no job's,
    and the answer is ``Assisted``."""


class Halt(Message):
    """Finish the current chunk if a few seconds suffice, answer ``Halted``, and exit."""

    kind: Literal["halt"] = "halt"


class Pause(Message):
    """Stop this job as at ``Halt``, answer ``Paused``, and wait for the next job. Has no effect
    where the job has ended."""

    kind: Literal["pause"] = "pause"
    job_id: str


class Ready(Message):
    """The engine is loaded. All byte counts are of the worker process."""

    kind: Literal["ready"] = "ready"
    engine: str
    device: str
    """Torch's name: 'cpu' or 'cuda:0'."""
    device_name: str
    """The driver's name."""
    uuid: str | None
    """The GPU's UUID; None: the CPU."""
    precision: str
    precision_reason: str = ""
    parameters_device: str = ""
    """Where torch reports the networks' weights to be."""
    seconds: float
    """Time that loading took."""
    vram_bytes: int | None
    """GPU memory that torch's allocator has reserved; None: the CPU."""
    vram_allocated_bytes: int | None = None
    """The part of ``vram_bytes`` that is in use."""
    rss_bytes: int
    """Resident main memory."""
    weights_sha256: str
    batch: int = 0
    """Frames in a batch."""
    resident_bytes: int = 0
    """GPU memory that a job needs whatever its batch size (``gpu.needs.Need``)."""
    per_frame_bytes: int = 0
    """GPU memory that a job needs for each frame of a batch."""
    host_bytes: int = 0
    """Peak main memory."""


class Unfit(Message):
    """The engine could not be loaded because of an environment fault. The worker exits."""

    kind: Literal["unfit"] = "unfit"
    reason: str
    of_device: bool = False
    """Whether the GPU failed."""


class Progress(Message):
    """The progress of a job."""

    kind: Literal["progress"] = "progress"
    job_id: str
    stage: Literal["probe", "listen", "track", "render", "join", "review"]
    chunk: int = 0
    """Number of the present chunk, from 1; 0 before the first."""
    chunks: int = 0
    """Chunks of the whole job."""
    frames: int = 0
    """Output frames that are done."""
    total_frames: int = 0
    """Output frames of the whole job."""
    fps: float = 0.0
    """Output frames per second since rendering began."""
    pieces: int = 0
    """Pieces of the video that are tracked; in that stage, where others can help."""
    all_pieces: int = 0
    """Pieces of the whole video; 0: others cannot help."""
    steps: int = 0
    """Packets, pictures and blocks of the job's files that were read so far. It grows as long as
    a stage makes progress, also where ``frames`` does not."""


class LogMessage(Message):
    """A line from the worker for the daemon's log."""

    kind: Literal["note"] = "note"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    text: str
    job_id: str | None = None


class Rendered(Message):
    """The job is rendered and verified. The files are in its workspace."""

    kind: Literal["rendered"] = "rendered"
    job_id: str
    result: str
    """Path of the video."""
    report: str
    """Path of the report, JSON."""
    strip: str | None = None
    """Path of the before/after picture; None: there is none."""


class Assisted(Message):
    """No chunk of the job is left that nobody draws, or no piece that nobody tracks."""

    kind: Literal["assisted"] = "assisted"
    job_id: str
    chunks: int
    """How many this worker drew."""
    pieces: int = 0
    """How many pieces of the video it tracked."""


class Refused(Message):
    """The input is bad: the reason, and what a person can do about it (may be empty)."""

    kind: Literal["refused"] = "refused"
    job_id: str
    reason: str
    remedy: str = ""


class Deferred(Message):
    """An environment fault ended the attempt. It does not count, and the job is tried again."""

    kind: Literal["deferred"] = "deferred"
    job_id: str
    reason: str
    of_memory: bool = False
    """Whether memory ran out, which the job itself may have caused."""
    of_device: bool = False
    """Whether the GPU failed; the worker then exits."""
    of_node: bool = False
    """Whether its machine was lost; ``of_device`` is then true too."""
    of_weights: bool = False
    """Whether the weights of the engine cannot be used."""


class Crashed(Message):
    """A bug ended the attempt."""

    kind: Literal["crashed"] = "crashed"
    job_id: str
    error: str
    """One line, for ``reason.txt``."""
    traceback: str
    """For the log."""


class Halted(Message):
    """The answer to ``Halt``: the finished chunks of ``job_id`` are checkpointed."""

    kind: Literal["halted"] = "halted"
    job_id: str | None = None
    """None: no job was being rendered."""


class Paused(Message):
    """The answer to ``Pause``: the finished chunks of ``job_id`` are checkpointed, and the worker
    takes another job."""

    kind: Literal["paused"] = "paused"
    job_id: str


class MemoryUsage(Message):
    """Memory of the worker process, sent between jobs and about once a second during one."""

    kind: Literal["vitals"] = "vitals"
    rss_bytes: int
    """Resident main memory."""
    vram_reserved_bytes: int | None = None
    """GPU memory that torch's allocator has reserved; None: the CPU."""
    vram_active_bytes: int | None = None
    """The part of ``vram_reserved_bytes`` that is in use."""


ToWorker = Annotated[Load | Render | Pause | Halt, Field(discriminator="kind")]
FromWorker = Annotated[
    Ready
    | Unfit
    | Progress
    | LogMessage
    | Rendered
    | Assisted
    | Refused
    | Deferred
    | Crashed
    | Paused
    | Halted
    | MemoryUsage,
    Field(discriminator="kind"),
]

TO_WORKER: TypeAdapter[ToWorker] = TypeAdapter(ToWorker)
FROM_WORKER: TypeAdapter[FromWorker] = TypeAdapter(FromWorker)


def decode_from_worker(line: bytes) -> FromWorker:
    """Return the worker's message in a line. Raises UnreadableText, whatever the worker wrote."""
    value = parse_json(line, MESSAGE_LIMITS)
    try:
        return FROM_WORKER.validate_python(value)
    except Exception as error:
        raise UnreadableText("not a message of a worker") from error


def encode_message(message: Message) -> bytes:
    """Return a message as one line of JSON with its newline."""
    return message.model_dump_json().encode() + b"\n"
