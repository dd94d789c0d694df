"""Writes the status in Prometheus' text format, for node_exporter's textfile collector.

Samples have no timestamp: the collector refuses those, and reports the file's own time.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from heygem_daemon.report.daemon_metrics import DAEMON_METRICS
from heygem_daemon.report.device_metrics import DEVICE_METRICS
from heygem_daemon.report.job_metrics import JOB_METRICS
from heygem_daemon.report.metric import Metric
from heygem_daemon.report.status import Status
from heygem_daemon.system import paths

ALL_METRICS: tuple[Metric, ...] = (*DAEMON_METRICS, *JOB_METRICS, *DEVICE_METRICS)

Family = GaugeMetricFamily | CounterMetricFamily


def write_metrics(status: Status, file: Path) -> None:
    """Replace ``file`` in one step. Raises OSError. On a full disk the old file stays, and its time
    shows its age."""
    text = format_prometheus(status).encode()
    paths.write(file, text, temporary_name=file.name + ".tmp", durable=False)


def format_prometheus(status: Status) -> str:
    """Return all metrics in the text format, each with its HELP and TYPE; a metric of which nothing
    is known is left out."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(lambda: status))
    return bytes(generate_latest(registry)).decode()


class StatusCollector(Collector):
    """Gives a registry the metrics of the latest status; none where there is no status."""

    def __init__(self, latest: Callable[[], Status | None]) -> None:
        self._latest = latest

    def collect(self) -> Iterator[Family]:
        """Yield each metric of which a value is known."""
        status = self._latest()
        if status is None:
            return
        for metric in ALL_METRICS:
            family = _family(metric)
            for labels, value in metric.read(status):
                if value is not None:
                    family.add_metric(labels, float(value))
            if family.samples:
                yield family


def _family(metric: Metric) -> Family:
    kind = GaugeMetricFamily if metric.kind == "gauge" else CounterMetricFamily
    return kind(metric.full_name, metric.text, labels=metric.labels)
