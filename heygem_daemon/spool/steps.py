"""Work that may take long, in small steps: a caller does as many of them at once as it has time."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import TypeVar

T = TypeVar("T")

Steps = Generator[None, None, T]
"""Pauses after each step, and returns the result of the work. What has been done stays done where
nobody goes on with it."""


def finish(steps: Steps[T]) -> T:
    """Do all the steps that are left, and return the result of the work."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def guarded(guard: Callable[[], AbstractContextManager[None]], steps: Steps[T]) -> Steps[T]:
    """Do each of the steps within ``guard()``, which is left in the pauses."""
    while True:
        with guard():
            try:
                next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
        yield
