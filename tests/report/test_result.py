"""The report of a result: the worker's measurements and the job's history."""

import json
import os
import re
from pathlib import Path

import pytest

from heygem_daemon.report.result import (
    JobHistory,
    job_statistics,
    read_report,
    with_evidence,
    with_history,
    with_translations,
)

HISTORY = JobHistory(
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


MEASURED: dict[str, object] = {
    "output": {"frames": 250},
    "stage_seconds": {"track": 4.0, "render": 6.0},
    "stage_cpu_seconds": {"track": 5.0, "render": 20.0},
    "peak_rss_bytes": 7,
    "warnings": ["a"],
}


def test_the_evidence_has_what_the_worker_took_of_the_machine() -> None:
    report = with_evidence(MEASURED, {"note": None}, ["b"])
    assert report["warnings"] == ["a", "b"]
    assert report["evidence"] == {
        "note": None,
        "host": {"cpu_seconds": 25.0, "cores_busy": 2.5, "peak_rss_bytes": 7},
    }


def test_what_an_older_or_broken_report_lacks_is_unknown() -> None:
    report = with_evidence({"stage_cpu_seconds": "?", "warnings": 3}, {}, [])
    assert report["warnings"] == []
    host = {"cpu_seconds": None, "cores_busy": None, "peak_rss_bytes": None}
    assert report["evidence"] == {"host": host}
    figures = job_statistics({"output": [], "stage_seconds": {"track": "long", "render": 2}})
    assert (figures.frames, figures.utilisation) == (None, None)
    assert figures.stage_seconds == {"render": 2.0}


def test_the_figures_of_the_status_come_from_the_report() -> None:
    inference = {"utilisation_percent": {"mean": 61.5, "peak": 90}}
    figures = job_statistics(with_evidence(MEASURED, {"inference": inference}, []))
    assert (figures.frames, figures.utilisation) == (250, 61.5)
    assert figures.stage_seconds == {"track": 4.0, "render": 6.0}


def test_a_person_reads_the_warnings_in_chinese_too() -> None:
    report: dict[str, object] = {
        "device_notice": None,
        "warnings": ["The mouth in the result moves 80 ms too late.", "something new"],
        "evidence": {},
    }
    both = with_translations(report, "both")
    assert list(both) == [
        "device_notice",
        "device_notice_zh",
        "warnings",
        "warnings_zh",
        "evidence",
    ]
    assert both["warnings"] == report["warnings"]
    assert both["warnings_zh"] == ["结果中的嘴动得晚了 80 毫秒。", "something new"]
    assert with_translations(report, "zh") == both
    assert with_translations(report, "en") == report


SENTENCES = """\
The audio file states a length of 9.0 s, but holds 3.2 s of sound: its end is missing.
The audio file states a length of 9.0 s, but holds 3.2 s of sound: its header is wrong, or it is \
truncated.
The audio file could not be read once: sound may be missing there, or at its end.
The video file could not be read 3 times: pictures may be missing there, or at its end.
1.25 s of the sound are missing by the time stamps, at 1 place: there is silence instead.
The time stamps of the video leave out 4.0 s, at 2 places: the picture before is held there.
1 picture of the video cannot be decoded: the one before is shown instead.
12 pictures of the video cannot be decoded: the one before is shown instead.
The result is turned by 90 degrees clockwise: no face was found in the video as players show it.
The mouth and its surroundings look rougher than the source: sharpness 1.900 where both are as \
open; 0.8 to 1.4 is not seen. Look at the strip.
The mouth and its surroundings look more blurred than the source: sharpness 0.500; 0.8 to \
1.4 is not seen. Look at the strip.
The mouth is closed in only 51.0% of the silence; at least 90% is usual.
No voice was found in the audio: there is nothing to speak.
The video never opens its mouth: teeth and tongue are borrowed from other people.
The loudness is -17.1 LUFS, not -16: the peaks of the sound leave no room for more.
AAC cannot hold the 40 channels of the sound: the result has the one with the voice.
The low-frequency channel (LFE) is 3.1 dB quieter in the result: AAC keeps nothing above 250 Hz in \
it. Write codec = "prores" to keep all of it.
""".splitlines()


NAMES = {"LUFS", "AAC", "Hz", "codec", "prores"}
"""Words that both languages have."""


@pytest.mark.parametrize("english", SENTENCES)
def test_no_warning_is_half_english(english: str) -> None:
    report = with_translations({"warnings": [english]}, "zh")
    chinese = str(report["warnings_zh"])
    assert set(re.findall(r"[A-Za-z]{2,}", chinese)) <= NAMES
    assert set(re.findall(r"\d+", english)) - {"1"} <= set(re.findall(r"\d+", chinese))
