"""The texts of notifications."""

from typing import get_args

import pytest

from heygem_daemon.language.translator import Language, LanguageSetting
from heygem_daemon.notify import templates
from heygem_daemon.notify.occasion import Occasion, OccasionKind
from heygem_daemon.notify.templates import LATE_SECONDS, Text
from tests.notify.conftest import occasion


def text_of(given: Occasion, language: LanguageSetting, late: float = 0.0) -> Text:
    return templates.text_of(given, language, given.at + late)


@pytest.mark.parametrize("language", get_args(Language))
@pytest.mark.parametrize("kind", get_args(OccasionKind))
def test_every_occasion_has_a_text_in_every_language(
    kind: OccasionKind, language: Language
) -> None:
    text = text_of(occasion(kind, file="/out/talk.mp4", count=3), language)
    for part in (text.title, text.body):
        assert part
        assert "{" not in part
    about = {"published": "/out/talk.mp4", "waiting": "3"}.get(kind, "No face was found.")
    assert about in text.body
    assert "render1" in text.title + text.body
    assert (language == "zh") == any("\u4e00" <= each <= "\u9fff" for each in text.title)


def test_durations_read_as_people_say_them() -> None:
    assert "in 3 min and" in text_of(occasion("published"), "en").body
    assert "用时 3 分钟" in text_of(occasion("published"), "zh").body
    assert "1 小时 30 分钟" in text_of(occasion("waiting", seconds=5400), "zh").body


def test_a_reason_is_translated_with_its_values() -> None:
    reason = "talk.mp4 is truncated: it ends after 3.0 of 5.0 seconds."
    text = text_of(occasion("failed", reason=reason), "both")
    assert text.title == "talk failed / talk 失败"
    assert reason in text.body
    assert "talk.mp4 不完整：应有 5.0 秒，到 3.0 秒就结束了。" in text.body


def test_names_of_users_are_text_and_nothing_else() -> None:
    text = text_of(occasion(job="{reason.__class__} {0}\nBcc: x", reason="r" * 9000), "en")
    assert text.title == "{reason.__class__} {0} Bcc: x failed"
    assert len(text.body) < 1200


@pytest.mark.parametrize(
    "call",
    ["@everyone", "@here", "@All", "@channel", "@room", "<@1234>", "<!channel>", "<users/all>"],
)
def test_the_name_of_a_file_calls_nobody_in_a_chat(call: str) -> None:
    given = occasion(job=call, reason=f"{call}.mp4 is empty.", file=f"/out/{call}.mp4")
    for kind in ("failed", "published"):
        text = text_of(given.model_copy(update={"kind": kind}), "both")
        assert call not in text.title + text.body
        assert call in (text.title + text.body).replace("\u200b", "")


def test_other_signs_of_names_stay_as_they_are() -> None:
    name = "a@b <c> @anna #1"
    assert text_of(occasion(job=name), "en").title == f"{name} failed"


def test_a_message_that_comes_late_says_when_it_was() -> None:
    given = occasion("failed", at=1_800_000_000.0)
    early, late = (text_of(given, "en", seconds).body for seconds in (9.0, LATE_SECONDS + 1))
    assert late.startswith(early + "\nThis happened on 2027-01-15 ")
    assert "2027-01-15" in text_of(given, "zh", LATE_SECONDS + 1).body
