"""The options of a job, which the person who drops it may choose. The operator's are in
``settings``."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from heygem_daemon.config.choices import (
    EngineName,
    FaceChoice,
    HdrHandling,
    JobAudio,
    Loop,
    Loudness,
    Preset,
    VideoCodec,
)
from heygem_daemon.config.output_options import AudioBitrate, MaxHeight, OutputOptions
from heygem_daemon.config.wording import format_value

Quality = Literal["small", "standard", "high"]

QUALITIES: dict[Quality, tuple[int, Preset] | None] = {
    "small": (23, "medium"),
    "standard": None,
    "high": (14, "medium"),
}
"""CRF and preset for each quality; None: those of the settings."""

HIGHEST_PRIORITY = 100
"""Priorities are from -100 to 100."""


OWN_SOUND = "own"
"""The value of ``audio`` with which a video alone speaks with its own sound."""


class JobOptions(BaseModel):
    """The options of one job. None, or a missing option: as in the settings.

    Strict, since TOML has types: a number in quotes, or true and false for a number, are refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    engine: EngineName | None = None
    face: FaceChoice | None = None
    loop: Loop | None = None
    codec: VideoCodec | None = None
    max_height: MaxHeight | None = None
    hdr: HdrHandling | None = None
    audio: JobAudio | None = Field(
        default=None,
        description="Sound of the result: compatible (AAC) or copy; own: a video alone speaks with"
        " its own sound.",
    )
    audio_bitrate: AudioBitrate | None = None
    loudness: Loudness | None = None
    strip: bool | None = None
    quality: Quality | None = Field(
        default=None, description="small (CRF 23), standard (as configured) or high (CRF 14)."
    )
    crf: Annotated[int, Field(ge=0, le=51)] | None = None
    """Constant rate factor of x264 and x265. Overrides ``quality``, as does ``preset``."""
    preset: Preset | None = None
    min_coverage: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    priority: int = Field(
        default=0,
        ge=-HIGHEST_PRIORITY,
        le=HIGHEST_PRIORITY,
        description="Whose turn it is among waiting jobs: higher goes first; otherwise 0.",
    )
    """Jobs with higher priority are rendered first; equal ones in order of arrival."""

    def overridden_by(self, own: "JobOptions") -> "JobOptions":
        """Return these options, replaced by those that ``own`` sets."""
        return self.model_copy(update=own.model_dump(exclude_unset=True))

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the options that are set, sorted."""
        return tuple(sorted(self.model_dump(exclude_none=True, exclude_unset=True)))

    @property
    def sidecar_text(self) -> str:
        """The options that are set, as a sidecar: a line for each."""
        values = self.model_dump(exclude_none=True, exclude_unset=True)
        return "".join(f"{key} = {format_value(value)}\n" for key, value in values.items())

    def output(self, default: OutputOptions) -> OutputOptions:
        """Return what the result shall be like; ``default`` is what the settings say."""
        of_quality = QUALITIES[self.quality] if self.quality else None
        crf, preset = of_quality or (default.crf, default.preset)
        own = self.model_dump(include=set(OutputOptions.model_fields), exclude_none=True)
        if self.audio == OWN_SOUND:
            del own["audio"]
        return default.model_copy(update={"crf": crf, "preset": preset, **own})


def find_idle_quality(options: JobOptions) -> str | None:
    """Return why ``quality`` has no effect beside the options of the same source, and what to write
    instead; None if it has one."""
    if {"quality", "crf", "preset"} <= set(options.given):
        return (
            "quality has no effect with crf and preset, which are all that it stands for. "
            "Remove quality, or both of the others."
        )
    return None
