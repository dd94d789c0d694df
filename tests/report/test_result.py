"""The report of a result: the worker's figures and the job's history."""

import json
import os
from pathlib import Path

import pytest

from heygem_daemon.report.result import History, read_report, with_history

HISTORY = History(
    job_id="j1",
    name="talk",
    audio="talk.wav",
    video=os.fsdecode(b"talk\xff.mp4"),
    attempts=2,
    claimed=0.0,
    started=10.0,
    finished=12.5,
    notice="no GPU here",
)


def test_history_and_figures_stand_together() -> None:
    report = with_history({"coverage": 0.9, "inputs": {"audio": {"sha256": "ab"}}}, HISTORY)
    assert (report["name"], report["attempts"], report["seconds"]) == ("talk", 2, 2.5)
    assert report["claimed"] == "1970-01-01T00:00:00.000+00:00"
    assert report["device_notice"] == "no GPU here"
    assert report["coverage"] == 0.9
    assert report["inputs"] == {
        "audio": {"name": "talk.wav", "sha256": "ab"},
        "video": {"name": r"talk\udcff.mp4"},
    }
    json.dumps(report, ensure_ascii=False).encode("utf-8")


def test_the_workers_part_must_be_an_object(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text('{"a": 1}')
    assert read_report(file) == {"a": 1}
    file.write_text("[1]")
    with pytest.raises(ValueError, match=r"report\.json holds no JSON object"):
        read_report(file)
    file.write_text("{")
    with pytest.raises(ValueError, match="Expecting"):
        read_report(file)
