"""The settings of the daemon: names, types, bounds and defaults. ``config.loading`` reads them."""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from heygem_daemon.config.choices import (
    AudioHandling,
    EngineName,
    FaceChoice,
    HdrHandling,
    Loop,
    Loudness,
    Preset,
    VideoCodec,
)
from heygem_daemon.config.effect import AtOnce, NextJob, Restart
from heygem_daemon.config.engines import AUTO, engine_choices, list_in_words
from heygem_daemon.config.folders import FolderProfiles, find_problems
from heygem_daemon.config.hours import ActiveHours, parse_hours
from heygem_daemon.config.job_options import HIGHEST_PRIORITY
from heygem_daemon.config.label import Corner, LabelOptions, LabelText, label_of
from heygem_daemon.config.media_limits import MediaLimits
from heygem_daemon.config.output_options import OutputOptions, find_contradiction
from heygem_daemon.config.value_types import (
    Command,
    Device,
    Folders,
    GpuJobs,
    Hours,
    NodePaths,
    Number,
    Patience,
    Uuids,
    Whole,
    Workers,
    Zone,
)
from heygem_daemon.language.translator import LanguageSetting
from heygem_daemon.system.priority import IoPriority

ENVIRONMENT_PREFIX = "HEYGEM_"
PATH_KEYS = ("spool", "checkpoints", "log_folder", "c2pa_certificate", "c2pa_key", "notifications")

STATE_FOLDER = Path("/var/lib/heygem-daemon")
"""The unit's StateDirectory."""

LOG_FOLDER_NAME = "logs"
"""Of the default log folder, in the spool."""

_LIMITS = MediaLimits()


class Settings(BaseSettings):
    """The settings of the daemon. ``config.toml`` describes each in detail."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENVIRONMENT_PREFIX,
        env_ignore_empty=True,
        validate_default=False,
    )

    spool: Restart[Path] = Field(
        default=STATE_FOLDER / "spool",
        description="Folder that holds inbox/, outbox/ and the others.",
    )
    engine: Restart[EngineName] = Field(
        default=AUTO, description=f"{list_in_words(engine_choices())}."
    )
    device: Restart[Device] = Field(default="auto", description="auto, cuda, cpu, or a GPU's UUID.")
    gpus: NextJob[Uuids] = Field(default=(), description="UUIDs of the GPUs to use; empty: all.")
    jobs_per_gpu: NextJob[GpuJobs] = Field(default=1, description="Jobs on one GPU, or auto.")
    cpu_workers: NextJob[Workers] = Field(
        default="auto", description="Jobs on the CPU at the same time: auto or a number."
    )
    others_utilisation_percent: NextJob[Whole] = Field(
        default=100, ge=0, le=100, description="Avoid a GPU that others use more than this, %."
    )
    idle_unload_minutes: AtOnce[Number] = Field(
        default=0.0, ge=0, description="Minutes after which an idle worker ends; 0: never."
    )
    yield_vram: AtOnce[bool] = Field(
        default=False, description="End an idle worker when others need its GPU's memory."
    )
    checkpoints: Restart[Path] = Field(
        default=STATE_FOLDER / "checkpoints", description="Folder of your own checkpoints."
    )
    active_hours: AtOnce[Hours] = Field(
        default=(), description="When jobs may start: Mon-Fri 22:00-06:00; …; empty: always."
    )
    time_zone: AtOnce[Zone] = Field(
        default="", description="Time zone of active_hours; empty: the machine's."
    )
    chunk_seconds: NextJob[Number] = Field(
        default=30.0, ge=1, le=3600, description="Length of a chunk, seconds."
    )
    max_attempts: AtOnce[Whole] = Field(
        default=3, ge=1, le=100, description="Crashes in a row without a new chunk that fail a job."
    )
    retention_days: AtOnce[Number] = Field(
        default=7.0, ge=0, description="Days that finished jobs are kept; 0: for ever."
    )
    free_space_gib: NextJob[Number] = Field(
        default=1.0, ge=0, description="Disk space to keep free, GiB; 0: no check."
    )
    loop: NextJob[Loop] = Field(
        default="pingpong", description="How a video continues that is shorter than the audio."
    )
    codec: NextJob[VideoCodec] = Field(
        default="h264", description="Codec of the result: h264, hevc or prores (422 HQ, .mov)."
    )
    max_height: NextJob[Whole] = Field(
        default=0, ge=0, le=8192, description="Most lines of the result; 0: as the source."
    )
    hdr: NextJob[HdrHandling] = Field(
        default="sdr", description="An HDR video becomes sdr, or is kept HDR: keep."
    )
    audio: NextJob[AudioHandling] = Field(
        default="compatible", description="Sound of the result: compatible (AAC) or copy."
    )
    audio_bitrate: NextJob[Whole] = Field(
        default=0, ge=0, le=512, description="Bit rate of the sound, kbit/s; 0: automatic."
    )
    loudness: NextJob[Loudness] = Field(
        default="off", description="Loudness of the result: off, -23 or -16 LUFS."
    )
    face: NextJob[FaceChoice] = Field(
        default="largest",
        description="Which face speaks: largest, left, right, or a number (1: leftmost).",
    )
    settle_seconds: AtOnce[Number] = Field(
        default=5.0, ge=0, le=3600, description="Quiet period of a new file, seconds."
    )
    scan_seconds: AtOnce[Number] = Field(
        default=1.0, gt=0, le=60, description="Pause between scans of the inbox, seconds."
    )
    min_coverage: NextJob[Number] = Field(
        default=0.1, ge=0, le=1, description="Least share of frames with a usable face."
    )
    strip: NextJob[bool] = Field(default=True, description="Publish a before/after picture.")
    mark: NextJob[bool] = Field(default=True, description="Mark results as synthetic media.")
    content_producer: NextJob[str] = Field(
        default="heygem-daemon",
        max_length=200,
        description="Who the marks name as the producer: a name or a code.",
    )
    c2pa_certificate: NextJob[Path | None] = Field(
        default=None, description="PEM file with certificates: sign results with C2PA."
    )
    c2pa_key: NextJob[Path | None] = Field(
        default=None, description="PEM file with the certificate's key, mode 0600."
    )
    c2pa_timestamp_url: NextJob[str] = Field(
        default="", pattern=r"^(https?://\S+)?$", description="Time-stamp server for C2PA."
    )
    label: NextJob[LabelText] = Field(
        default="", description="Text that viewers see in the pictures; empty: none."
    )
    label_corner: NextJob[Corner] = Field(
        default="bottom-right", description="Where the label is: top-left, bottom-right …"
    )
    label_percent: NextJob[Number] = Field(
        default=5.0, ge=2, le=20, description="Height of the label's text, % of the shorter side."
    )
    label_seconds: NextJob[Number] = Field(
        default=0.0, ge=0, description="Seconds that the label is shown; 0: always."
    )
    crf: NextJob[Whole] = Field(
        default=18, ge=0, le=51, description="Quality (CRF); lower is better."
    )
    preset: NextJob[Preset] = Field(default="veryfast", description="Speed of x264 and x265.")
    cluster: Restart[str] = Field(
        default="", description="Address of a Ray cluster, or auto; empty: this machine alone."
    )
    cluster_paths: Restart[NodePaths] = Field(
        default={}, description="Path of the spool on nodes where it is another one."
    )
    share_chunks: AtOnce[bool] = Field(
        default=True, description="Let idle workers of the CPU help with a long job."
    )
    threads: Restart[Whole] = Field(
        default=0, ge=0, le=1024, description="CPU threads; 0: automatic."
    )
    worker_nice: Restart[Whole] = Field(
        default=0, ge=0, le=19, description="Niceness of the workers; higher lets others go first."
    )
    worker_io: Restart[IoPriority] = Field(
        default="normal", description="Priority of the workers on the disks: normal, low or idle."
    )
    confine: Restart[Literal["auto", "off"]] = Field(
        default="auto", description="Confine the processes that read media: auto or off."
    )
    vram_margin_gib: NextJob[Number] = Field(
        default=1.0, ge=0, description="GPU memory to leave free for others, GiB."
    )
    asleep_percent: AtOnce[Number] = Field(
        default=5.0,
        ge=0,
        le=100,
        description="GPU use during a job below which to warn, %; 0: never.",
    )
    hot_celsius: AtOnce[Number] = Field(
        default=87.0, ge=0, le=200, description="GPU temperature from which to warn, °C; 0: never."
    )
    creep_mib: AtOnce[Whole] = Field(
        default=256,
        ge=0,
        description="Growth of GPU memory over six jobs from which to warn, MiB; 0: never.",
    )
    lone_file_minutes: AtOnce[Number] = Field(
        default=10.0, ge=0, description="Minutes until a lone file is reported."
    )
    pair_minutes: AtOnce[Number] = Field(
        default=60.0, ge=0, description="Most minutes between two halves of a pair; 0: any."
    )
    max_priority: AtOnce[Whole] = Field(
        default=HIGHEST_PRIORITY,
        ge=-HIGHEST_PRIORITY,
        le=HIGHEST_PRIORITY,
        description="Highest priority that a sidecar can give a job.",
    )
    max_batch_members: AtOnce[Whole] = Field(
        default=1000, ge=1, le=100_000, description="Members of a batch at most."
    )
    stall_seconds: AtOnce[Number] = Field(
        default=900.0,
        ge=10,
        description="Time without progress after which a worker counts as hung, seconds.",
    )
    stall_probe_seconds: AtOnce[Patience] = Field(default=300.0, description="In the probe.")
    stall_listen_seconds: AtOnce[Patience] = Field(default=600.0, description="While it listens.")
    stall_track_seconds: AtOnce[Patience] = Field(default=600.0, description="While it tracks.")
    stall_render_seconds: AtOnce[Patience] = Field(default=600.0, description="While it draws.")
    stall_join_seconds: AtOnce[Patience] = Field(default=900.0, description="While it joins.")
    stall_review_seconds: AtOnce[Patience] = Field(default=300.0, description="In the review.")
    max_minutes: NextJob[Number] = Field(
        default=_LIMITS.minutes, gt=0, description="Longest sound or video, minutes."
    )
    max_megapixels: NextJob[Number] = Field(
        default=_LIMITS.megapixels, gt=0, description="Largest picture, million pixels."
    )
    max_pictures: NextJob[Whole] = Field(
        default=_LIMITS.pictures, ge=1, description="Most pictures of a video or result."
    )
    max_gigapixels: NextJob[Number] = Field(
        default=_LIMITS.gigapixels,
        gt=0,
        description="Most pixels of all pictures together, thousand million.",
    )
    worker_memory_gib: NextJob[Number] = Field(
        default=0.0,
        ge=0,
        description="Main memory that a worker may take for a job, GiB; 0: half of all.",
    )
    metrics_port: AtOnce[Whole] = Field(
        default=0, ge=0, le=65_535, description="Port of the metrics on 127.0.0.1; 0: none."
    )
    notifications: AtOnce[Path | None] = Field(
        default=None, description="File with the targets of notifications, mode 0600; empty: none."
    )
    notify_wait_minutes: AtOnce[Number] = Field(
        default=120.0, ge=0, description="Minutes after which a wait is told of; 0: never."
    )
    on_published: AtOnce[Command] = Field(
        default=(), description="Command to run after each published job; empty: none."
    )
    on_published_seconds: AtOnce[Number] = Field(
        default=300.0, gt=0, le=86_400, description="How long that command may take, seconds."
    )
    on_published_folders: AtOnce[Folders] = Field(
        default=(), description="Folders in which that command may write."
    )
    stop_seconds: AtOnce[Number] = Field(
        default=150.0, ge=0, description="Time to finish the current chunk when stopping, seconds."
    )
    log_level: AtOnce[Literal["DEBUG", "INFO", "WARNING", "ERROR"]] = Field(
        default="INFO", description="Lowest level that is logged."
    )
    status_page: AtOnce[bool] = Field(
        default=True, description="Write status.html and status.txt into the spool, for its users."
    )
    share_requests: AtOnce[bool] = Field(default=True, description="Heed requests in the inbox.")
    language: AtOnce[LanguageSetting] = Field(
        default="both", description="Language of what people read: en, zh, or both."
    )
    progress_files: AtOnce[bool] = Field(
        default=True, description="Write NAME.rendering.txt into the outbox while a job runs."
    )
    log_json: AtOnce[bool] = Field(default=False, description="Log as JSON lines.")
    log_max_mib: AtOnce[Number] = Field(
        default=50.0, gt=0, le=10_000, description="Size at which a new log file begins, MiB."
    )
    log_keep: AtOnce[Whole] = Field(
        default=10, ge=1, le=1000, description="Old log files to keep at most."
    )
    folders: AtOnce[FolderProfiles] = Field(
        default={}, description="Hot folders: inboxes of their own, each with a profile."
    )
    log_folder: AtOnce[Path] = Field(
        default_factory=lambda values: values.get("spool", Path()) / LOG_FOLDER_NAME,
        description="Folder of the log files.",
    )

    @property
    def media_limits(self) -> MediaLimits:
        """The most that a sound or a video may hold."""
        return MediaLimits(
            self.max_minutes, self.max_megapixels, self.max_pictures, self.max_gigapixels
        )

    @property
    def output(self) -> OutputOptions:
        """What results are like, where a job does not say otherwise."""
        return OutputOptions(**self.model_dump(include=set(OutputOptions.model_fields)))

    @property
    def visible_label(self) -> LabelOptions | None:
        """The label that is drawn into the pictures; None: none."""
        return label_of(self.label, self.label_corner, self.label_percent, self.label_seconds)

    @property
    def hours(self) -> ActiveHours:
        """When jobs may start."""
        return parse_hours(self.active_hours, self.time_zone)

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in values.items() if value != ""}

    @model_validator(mode="after")
    def _refuse_contradiction(self) -> "Settings":
        if (contradiction := find_contradiction(self.output)) is not None:
            raise ValueError(contradiction)
        if problems := find_problems(self.folders, self.output):
            raise ValueError(problems[0])
        if (self.c2pa_certificate is None) != (self.c2pa_key is None):
            raise ValueError("c2pa_certificate and c2pa_key are needed together")
        return self

    @field_validator(*PATH_KEYS, mode="after")
    @classmethod
    def _make_absolute(cls, path: Path | None) -> Path | None:
        return path and Path(os.path.normpath(path.expanduser().absolute()))
