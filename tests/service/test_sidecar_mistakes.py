"""Wrong sidecars of what waits in the inbox."""

from pathlib import Path

from heygem_daemon.config.folders import FolderProfile, HotFolder
from heygem_daemon.config.sidecar import FileVersion, SidecarAnswer
from heygem_daemon.language.translator import translator
from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.sidecar_mistakes import find_mistakes
from heygem_daemon.spool.job import Pair

VERSION = FileVersion(inode=1, size=1, mtime_ns=1)
RIGHT = SidecarAnswer(version=VERSION)
WRONG = SidecarAnswer(
    version=VERSION,
    refusal='talk.toml, line 1: unknown key "质量"; did you mean "quality"?',
    remedy='Write: quality = "high". Keys are English words. Correct or remove this file.',
)
PAIR = Pair("talk", Path("talk.wav"), Path("talk.mp4"), Path("talk.toml"))


def test_each_wrong_sidecar_is_named_with_its_folder() -> None:
    anna = HotFolder("anna", FolderProfile())
    batch = {"job.toml": RIGHT, "one.toml": WRONG, "two.toml": WRONG}
    found = find_mistakes(
        [
            Candidate("fine", PAIR, 0, 1, answers={"fine.toml": RIGHT}),
            Candidate("talk", PAIR, 0, 1, answers={"talk.toml": WRONG}),
            Candidate("talks", Path("talks"), 0, 1, answers=batch),
            Candidate("talk", PAIR, 0, 1, answers={"talk.toml": WRONG}, hot_folder=anna),
        ]
    )
    names = ["talk.toml", "talks/one.toml", "talks/two.toml", "anna/talk.toml"]
    assert [(each.name, each.reason, each.awaited) for each in found] == [
        (name, WRONG.refusal, "attention") for name in names
    ]


def test_it_is_told_in_chinese() -> None:
    (notice,) = find_mistakes([Candidate("talk", PAIR, 0, 1, answers={"talk.toml": WRONG})])
    chinese = translator("zh")
    assert chinese(notice.reason) == "talk.toml 第 1 行：未知的键“质量”；您是指“quality”吗？"
    assert chinese(notice.remedy) == (
        '请写：quality = "high"。键名必须用英文。请更正或删除此文件。'
        "任务保留排队位置，但轮到时会失败；在此之前更正文件即可。"
    )
