"""Whole jobs with the real program: their cost, how busy the GPU was, what residency saves."""

from datetime import datetime
from typing import Any

from benchmarks.on_gpu.bench import Bench, Pair, Rows, at
from benchmarks.on_gpu.program import Live, drop, log_lines, render_pairs, running

MIB = 1 << 20
LIMIT_SECONDS = 300.0
"""On a GPU the time limit of the part is shorter."""
SHARED_JOBS = 6
"""Jobs for two workers together."""


def jobs(bench: Bench, engine: str) -> Rows:
    """Render the demo pair twice, then the large one, all in one worker."""
    spool = bench.folder / f"jobs-{engine}"
    pairs = [("1", bench.demo), ("2", bench.demo), ("3", bench.large)]
    titles = {"1": "job 1", "2": "job 2, engine resident, track known", "3": "large"}
    seconds: dict[str, float] = {}
    for report in render_pairs(bench, spool, pairs, engine=engine):
        name = str(report["name"])
        seconds[name] = report["seconds"]
        yield from figures(f"{titles[name]}: {dict(pairs)[name].title}", dict(pairs)[name], report)
    for line in _log(bench, engine):
        yield "log", line
    yield "cost of job 1 over job 2", f"{seconds['1'] / seconds['2']:.2f} times"


def figures(title: str, pair: Pair, report: dict[str, Any]) -> Rows:
    """Return the rows with the time, GPU use and memory of one report."""
    frames, spent = at(report, "output", "frames"), report["seconds"]
    stages = at(report, "stage_seconds")
    yield f"**{title}**, s", f"{spent:.1f}"
    yield "x plain transcode", f"{spent / pair.plain:.1f} (of {pair.plain:.2f} s)"
    yield "frames/s, whole job; drawing", f"{frames / spent:.0f}; {frames / stages['render']:.0f}"
    yield (
        "stages, s (of processors)",
        ", ".join(
            f"{stage} {took:.1f} ({at(report, 'stage_cpu_seconds', stage) or 0:.1f})"
            for stage, took in stages.items()
        ),
    )
    yield "engine", f"{at(report, 'engine', 'name')}, {at(report, 'engine', 'precision')}"
    yield from evidence(report)
    yield (
        "worker: VRAM peak, RAM peak, MiB",
        (
            f"{mebibytes(at(report, 'device', 'peak_vram_bytes'))}, "
            f"{mebibytes(report['peak_rss_bytes'])}"
        ),
    )
    for warning in report["warnings"]:
        yield "warning", str(warning)


def evidence(report: dict[str, Any]) -> Rows:
    """Return the rows with the GPU use that the daemon sampled once a second."""
    note = at(report, "evidence", "note")
    if note:
        yield "evidence", str(note)
    inference = at(report, "evidence", "inference")
    if not inference:
        return
    yield "GPU busy while inferring, %: mean, peak", _figure(inference["utilisation_percent"])
    yield "seconds of it that were sampled", f"{inference['seconds_sampled']:.0f}"
    whole = report["evidence"]
    used = whole["memory_bytes"] or {"mean": None, "peak": None}
    means = (mebibytes(used["mean"]), mebibytes(used["peak"]))
    yield "VRAM used as the driver sees it, MiB: mean, peak", ", ".join(means)
    yield (
        "power, W; temperature, °C: mean, peak",
        (f"{_figure(whole['power_watts'])}; {_figure(whole['temperature_celsius'])}"),
    )


def residency(bench: Bench) -> Rows:
    """Render the same job in a new worker and in a resident one."""
    spool = bench.folder / "jobs-builtin"  # its cache has the demo's track
    pairs = [("new", bench.demo), ("resident", bench.demo)]
    spent = []
    for report in render_pairs(bench, spool, pairs, engine="builtin"):
        spent.append(report["seconds"])
        yield f"worker {report['name']}, track known, s", f"{spent[-1]:.1f}"
    yield "what residency saves each job, s", f"{spent[0] - spent[1]:.1f}"


def workers(bench: Bench) -> Rows:
    """Render the same jobs one at a time and two at a time on one device."""
    spool = bench.folder / "jobs-builtin"  # its cache has the demo's track
    spent = {}
    for count in (1, 2):
        with running(bench, spool, engine="builtin", jobs_per_gpu=count) as live:
            _together(live, bench, [f"first {count}{number}" for number in range(count)])
            reports = _together(live, bench, [f"{count}{number}" for number in range(SHARED_JOBS)])
        spent[count] = _span(reports)
        yield f"{SHARED_JOBS} demo jobs, {count} at a time, s", f"{spent[count]:.1f}"
        uuids = {at(report, "device", "uuid") for report in reports}
        yield "on devices", str(len(uuids))
    yield "gain of the second worker", f"{spent[1] / spent[2]:.2f} times"


def mebibytes(count: float | None) -> str:
    """Return bytes in MiB; '?' for unknown."""
    return "?" if count is None else f"{count / MIB:.0f}"


def _log(bench: Bench, engine: str) -> list[str]:
    """Return the log lines about loading the model."""
    return log_lines(bench.folder / f"jobs-{engine}", r"INFO +model ")


def _together(live: Live, bench: Bench, names: list[str]) -> list[dict[str, Any]]:
    """Drop the demo pair under each of the names at once; return the reports."""
    for name in names:
        drop(live.spool, name, bench.demo)
    return live.results(names, LIMIT_SECONDS)


def _figure(figure: dict[str, float] | None) -> str:
    return "?" if figure is None else f"{figure['mean']:.0f}, {figure['peak']:.0f}"


def _span(reports: list[dict[str, Any]]) -> float:
    """Return the seconds from the first start to the last end."""
    began = min(datetime.fromisoformat(report["started"]) for report in reports)
    ended = max(datetime.fromisoformat(report["finished"]) for report in reports)
    return (ended - began).total_seconds()
