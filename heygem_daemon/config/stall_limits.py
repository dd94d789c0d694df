"""How long a worker may make no progress, by what it does."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from heygem_daemon.config.settings import Settings

STAGES = ("probe", "listen", "track", "render", "join", "review")
"""The stages of a job, as workers report them."""


@dataclass(frozen=True, slots=True)
class StallLimits:
    """Seconds without progress after which a worker counts as hung and is killed."""

    at_most: float
    """While an engine is loaded, and in no stage more than this."""

    stages: Mapping[str, float] = field(default_factory=dict)
    """In each stage of a job."""

    @classmethod
    def from_settings(cls, settings: Settings) -> "StallLimits":
        """Return the limits that the operator has set."""
        stages = {stage: getattr(settings, f"stall_{stage}_seconds") for stage in STAGES}
        return cls(settings.stall_seconds, stages)

    def seconds(self, stage: str | None) -> float:
        """Return the limit in ``stage``; None: no stage has begun."""
        return min(self.at_most, self.stages.get(stage or "", self.at_most))
