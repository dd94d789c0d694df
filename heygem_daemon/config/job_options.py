"""The options of a job, which the person who drops it may choose. The operator's are in
``settings``."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from heygem_daemon.config.choices import AudioHandling, EngineName, FaceChoice, Loop, Preset

Quality = Literal["small", "standard", "high"]

QUALITIES: dict[Quality, tuple[int, Preset] | None] = {
    "small": (23, "medium"),
    "standard": None,
    "high": (14, "medium"),
}
"""x264's CRF and preset for each quality; None: those of the settings."""

HIGHEST_PRIORITY = 100
"""Priorities are from -100 to 100."""


class JobOptions(BaseModel):
    """The options of one job. None, or a missing option: as in the settings.

    Strict, since TOML has types: a number in quotes, or true and false for a number, are refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    engine: EngineName | None = None
    face: FaceChoice | None = None
    loop: Loop | None = None
    audio: AudioHandling | None = None
    strip: bool | None = None
    quality: Quality | None = None
    crf: Annotated[int, Field(ge=0, le=51)] | None = None
    """x264's constant rate factor. Overrides ``quality``, as does ``preset``."""
    preset: Preset | None = None
    min_coverage: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    priority: int = Field(default=0, ge=-HIGHEST_PRIORITY, le=HIGHEST_PRIORITY)
    """Jobs with higher priority are rendered first; equal ones in order of arrival."""

    def overridden_by(self, own: "JobOptions") -> "JobOptions":
        """Return these options, replaced by those that ``own`` sets."""
        return self.model_copy(update=own.model_dump(exclude_unset=True))

    def crf_and_preset(self, crf: int, preset: str) -> tuple[int, str]:
        """Return CRF and preset for x264; ``crf`` and ``preset`` are those of the settings."""
        of_quality = QUALITIES[self.quality] if self.quality else None
        base_crf, base_preset = of_quality or (crf, preset)
        return (
            base_crf if self.crf is None else self.crf,
            base_preset if self.preset is None else self.preset,
        )
