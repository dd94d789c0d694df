"""What one metric is: its name, its kind, what it says, and how it is read from the status. Pure.

Naming: prometheus.io/docs/practices/naming (base units, so ratios instead of per cent; ``_total``
for counters).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from heygem_daemon.report.status import Status

MetricKind = Literal["gauge", "counter"]

Samples = Iterable[tuple[tuple[str, ...], float | None]]
"""The values of the labels, and the value. None means unknown, and is left out: it is not zero."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of the daemon. Counters count from the daemon's start."""

    name: str
    """Without the prefix ``heygem_``; a counter ends in ``_total``."""

    kind: MetricKind

    text: str
    """One sentence for people."""

    read: Callable[[Status], Samples]
    """Returns its samples, one for each combination of labels."""

    labels: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """The name that Prometheus sees."""
        return f"heygem_{self.name}"


def gauge(
    name: str, text: str, read: Callable[[Status], Samples], labels: tuple[str, ...] = ()
) -> Metric:
    """Return a metric that goes up and down."""
    return Metric(name, "gauge", text, read, labels)


def counter(
    name: str, text: str, read: Callable[[Status], Samples], labels: tuple[str, ...] = ()
) -> Metric:
    """Return a metric that only grows while the daemon runs."""
    return Metric(name, "counter", text, read, labels)


def one(value: Callable[[Status], float | None]) -> Callable[[Status], Samples]:
    """Return the reader of a metric without labels."""
    return lambda status: [((), value(status))]


def by_key(values: Callable[[Status], Mapping[str, float]]) -> Callable[[Status], Samples]:
    """Return the reader of a metric with one label, whose values are the keys of a mapping."""
    return lambda status: [((key,), value) for key, value in values(status).items()]


def ratio(percent: float | None) -> float | None:
    """Return per cent as a ratio."""
    return None if percent is None else percent / 100


def device_value(uuid: str | None, node: str) -> str:
    """Return the label value of a device: its UUID, or the CPU of which machine."""
    return uuid or (f"cpu@{node}" if node else "cpu")
