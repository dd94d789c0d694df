"""What is said of a file whose partner lies with a job that failed."""

import os

import pytest

from heygem_daemon.language.translator import translator
from tests.fakes.executor import refuse
from tests.fakes.service import ServiceHarness


def test_a_corrected_video_is_told_where_its_sound_is(harness: ServiceHarness) -> None:
    """The page said no more than that it waits for a sound."""
    harness.executor.answer = refuse
    harness.drop("trunc.wav", "trunc.mp4")
    service = harness.service()
    harness.run_rounds(service, 12.0)
    assert harness.failed() == ["trunc"]
    harness.drop("trunc.mp4", "new.wav")
    harness.run_rounds(service, 6.0)
    told = {each.name: each.remedy for each in harness.status().inbox}
    wanted = (
        "The sound of the job that failed is in failed/trunc: copy it into the inbox, too, or drop"
    )
    assert told["trunc.mp4"].startswith(wanted)
    assert "失败任务的声音在 failed/trunc 中" in translator("zh")(told["trunc.mp4"])
    assert told["new.wav"] == ""
    (harness.spool.inbox / "trunc.mp4").rename(harness.spool.inbox / "Trunc.wav")
    harness.run_rounds(service, 6.0)
    told = {each.name: each.remedy for each in harness.status().inbox}
    assert told["Trunc.wav"].startswith("The video of the job that failed is in failed/trunc: ")
    (harness.spool.failed / "trunc").rename(harness.spool.root / "taken")
    harness.run_rounds(service, 6.0)
    assert {each.remedy for each in harness.status().inbox} == {""}, "there is nothing to copy"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
def test_nobody_is_sent_to_another_one_s_files(harness: ServiceHarness) -> None:
    harness.executor.answer = refuse
    harness.drop("trunc.wav", "trunc.mp4")
    service = harness.service()
    harness.run_rounds(service, 12.0)
    harness.drop("trunc.mp4")
    os.chown(harness.spool.inbox / "trunc.mp4", 70_002, -1)
    harness.run_rounds(service, 6.0)
    assert {each.remedy for each in harness.status().inbox} == {""}
