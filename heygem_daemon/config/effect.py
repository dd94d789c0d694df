"""When a changed setting takes effect in a daemon that runs. Each field of ``Settings`` says it in
its type: ``crf: NextJob[int]``."""

from enum import Enum
from typing import Annotated, TypeVar

from pydantic.fields import FieldInfo

T = TypeVar("T")


class Effect(Enum):
    """When a changed setting takes effect; the value completes 'the change applies …'."""

    AT_ONCE = "at once"
    NEXT_JOB = "to jobs that start from now on"
    RESTART = "after a restart"


AtOnce = Annotated[T, Effect.AT_ONCE]
NextJob = Annotated[T, Effect.NEXT_JOB]
Restart = Annotated[T, Effect.RESTART]


def effect_of(field: FieldInfo) -> Effect:
    """Return when a change of a setting takes effect. Raises LookupError if its type says none, or
    several."""
    found = [each for each in field.metadata if isinstance(each, Effect)]
    if len(found) != 1:
        raise LookupError("the type of a setting names one of AtOnce, NextJob and Restart")
    return found[0]
