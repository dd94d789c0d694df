"""The share of jobs with each warning, from their reports."""

import json
from pathlib import Path

from benchmarks.warnings import count_kinds, kind_of, read_warnings


def test_warnings_that_differ_in_their_figures_are_one_kind() -> None:
    one = kind_of("The mouth is closed in only 94.7% of the silence; at least 97% is usual.")
    other = kind_of("The mouth is closed in only 90.0% of the silence; at least 97% is usual.")
    assert one == other
    assert "silence" in one


def test_each_job_counts_once_for_each_kind(tmp_path: Path) -> None:
    reports = {"a": ["late by 80 ms", "late by 40 ms"], "b/c": ["late by 3 ms", "dark"], "d": []}
    for name, warnings in reports.items():
        path = tmp_path / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"warnings": warnings}))
    (tmp_path / "batch.json").write_text(json.dumps(["no report"]))
    total, kinds = count_kinds(read_warnings([tmp_path]))
    assert total == 3
    assert kinds == {"late by # ms": 2, "dark": 1}
