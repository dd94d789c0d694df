"""The documents for Prometheus and Grafana: the table of metrics, the alerts, the dashboard."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from heygem_daemon.report.metrics import ALL_METRICS
from tools.metric_table import DOCUMENT, updated

FOLDER = DOCUMENT.parent
ALERTS, CASES = FOLDER / "alerts.yml", FOLDER / "alerts_test.yml"
NAMES = {metric.full_name for metric in ALL_METRICS}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing (Debian: package prometheus)"
)


def promtool(
    *arguments: str | Path, folder: Path = FOLDER, text: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run promtool in a folder, with ``text`` as its input."""
    return subprocess.run(
        ["promtool", *map(str, arguments)],
        cwd=folder,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def alert_names(text: str) -> list[str]:
    return re.findall(r"^ +- alert: (\w+)$", text, re.MULTILINE)


def without_alert(text: str, name: str) -> str:
    """Return the rules with ``name`` under another name, so that no case finds it."""
    return text.replace(f"- alert: {name}\n", "- alert: Renamed\n")


def panels() -> list[dict[str, Any]]:
    found = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    assert isinstance(found, list)
    return found


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def used_metrics(text: str) -> set[str]:
    return set(re.findall(r"\bheygem_\w+", text))


def test_the_document_holds_every_metric_as_it_is_now() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert updated(text) == text, "run: python -m tools.metric_table --write"


def test_names_follow_the_naming_rules_of_prometheus() -> None:
    assert len(NAMES) == len(ALL_METRICS) > 40
    for metric in ALL_METRICS:
        assert re.fullmatch(r"[a-z][a-z_]*[a-z]", metric.name)
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert metric.text.endswith(".")
        assert not {"job", "instance", "le", "quantile"} & set(metric.labels), "Prometheus' own"


def test_alerts_and_dashboard_use_only_metrics_that_exist() -> None:
    assert used_metrics(ALERTS.read_text()) <= NAMES
    assert used_metrics(CASES.read_text()) <= NAMES
    assert used_metrics("\n".join(expressions())) <= NAMES
    assert len(used_metrics("\n".join(expressions()))) > 20


def test_every_alert_is_in_the_document_and_has_a_case() -> None:
    names = alert_names(ALERTS.read_text())
    document = DOCUMENT.read_text(encoding="utf-8")
    assert re.findall(r"^\| `(Heygem\w+)` ", document, re.MULTILINE) == names
    assert set(re.findall(r"alertname: (\w+)", CASES.read_text())) == set(names)
    needed = {"DaemonDead", "OnHold", "DiskFilling", "GpuAsleep", "JobStuck", "FailureRate"}
    assert {f"Heygem{each}" for each in needed} <= set(names)


@needs_promtool
def test_promtool_finds_nothing_to_say_about_any_metric() -> None:
    lines: list[str] = []
    for each in ALL_METRICS:
        labels = ",".join(f'{label}="x"' for label in each.labels)
        lines += [
            f"# HELP {each.full_name} {each.text}",
            f"# TYPE {each.full_name} {each.kind}",
            f"{each.full_name}{{{labels}}} 1",
        ]
    checked = promtool("check", "metrics", text="\n".join(lines) + "\n")
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@needs_promtool
def test_promtool_accepts_the_rules_and_their_cases() -> None:
    checked = promtool("check", "rules", ALERTS)
    assert checked.returncode == 0, checked.stderr
    tested = promtool("test", "rules", CASES)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@needs_promtool
@pytest.mark.parametrize("name", alert_names(ALERTS.read_text()))
def test_a_case_fails_without_its_alert(tmp_path: Path, name: str) -> None:
    (tmp_path / ALERTS.name).write_text(without_alert(ALERTS.read_text(), name))
    shutil.copy(CASES, tmp_path)
    tested = promtool("test", "rules", CASES.name, folder=tmp_path)
    assert tested.returncode == 1
    assert f"alertname: {name}" in tested.stdout + tested.stderr


@needs_promtool
def test_prometheus_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": each.replace("$__rate_interval", "5m")}
        for number, each in enumerate(expressions())
    ]
    file = tmp_path / "panels.json"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    checked = promtool("check", "rules", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())
