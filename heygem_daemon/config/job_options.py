"""What the person who drops a job may choose for it; all else is the operator's (``settings``)."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from heygem_daemon.config.choices import EngineName, FaceChoice, Loop, Preset

Quality = Literal["small", "standard", "high"]

QUALITIES: dict[Quality, tuple[int, Preset] | None] = {
    "small": (23, "medium"),
    "standard": None,
    "high": (14, "medium"),
}
"""x264's CRF and preset behind each word; None: what the operator has set."""

HIGHEST_PRIORITY = 100


class JobOptions(BaseModel):
    """The options of one job. None, and what is left out: as the operator has set it.

    Strict: a number in quotes or a truth value for a number is refused, as TOML has types.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    engine: EngineName | None = None
    face: FaceChoice | None = None
    loop: Loop | None = None
    strip: bool | None = None
    quality: Quality | None = None
    crf: Annotated[int, Field(ge=0, le=51)] | None = None
    """Wins over ``quality``, as does ``preset``."""
    preset: Preset | None = None
    min_coverage: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    priority: int = Field(default=0, ge=-HIGHEST_PRIORITY, le=HIGHEST_PRIORITY)
    """Higher goes first; among equals first come, first served."""

    def overridden_by(self, own: "JobOptions") -> "JobOptions":
        """These options, but for those that ``own`` sets itself."""
        return self.model_copy(update=own.model_dump(exclude_unset=True))

    def crf_and_preset(self, crf: int, preset: str) -> tuple[int, str]:
        """CRF and preset for x264, where the operator has set ``crf`` and ``preset``."""
        named = QUALITIES[self.quality] if self.quality else None
        base_crf, base_preset = named or (crf, preset)
        return (
            base_crf if self.crf is None else self.crf,
            base_preset if self.preset is None else self.preset,
        )
