"""The texts of notifications, in English and Chinese. Pure."""

from dataclasses import dataclass

from heygem_daemon.durations import roughly
from heygem_daemon.notify.occasion import Occasion, OccasionKind
from heygem_daemon.notify.targets import Language

MAX_FIELD_CHARACTERS = 500
"""Of a longer name or reason, only so much is sent."""


@dataclass(frozen=True, slots=True)
class Text:
    """What a person reads."""

    title: str
    body: str


_TEXTS: dict[Language, dict[OccasionKind, Text]] = {
    "en": {
        "published": Text(
            "{job} is finished", "{job} was rendered in {duration} and lies at {file} on {host}."
        ),
        "failed": Text(
            "{job} failed",
            "{job} could not be rendered on {host}: {reason}\n"
            "Its files and reason.txt are in the folder failed.",
        ),
        "waiting": Text(
            "Jobs wait too long on {host}",
            "The oldest of {count} has waited for {duration}."
            " `heygem-daemon status` says for what.",
        ),
        "on_hold": Text(
            "heygem-daemon on {host} is on hold",
            "Nothing can start: {reason}\nIt goes on by itself when that is over.",
        ),
        "resumed": Text(
            "heygem-daemon on {host} goes on", "It was on hold for {duration}: {reason}"
        ),
    },
    "zh": {
        "published": Text(
            "{job} 已完成", "{job} 已在 {host} 上渲染完成，用时 {duration}，结果位于 {file}。"
        ),
        "failed": Text(
            "{job} 失败",
            "{job} 在 {host} 上无法渲染：{reason}\n文件和 reason.txt 位于 failed 文件夹。",
        ),
        "waiting": Text(
            "{host} 上的任务等待过久",
            "共 {count} 个任务在等待，最早的已等待 {duration}。用 heygem-daemon status 查看原因。",
        ),
        "on_hold": Text(
            "{host} 上的 heygem-daemon 已暂停",
            "目前无法启动任何任务：{reason}\n原因消除后会自动继续。",
        ),
        "resumed": Text("{host} 上的 heygem-daemon 已恢复", "此前暂停了 {duration}：{reason}"),
    },
}


def text_of(occasion: Occasion, language: Language) -> Text:
    """Return title and body. Names and reasons of users are put in as they are, as plain text."""
    template = _TEXTS[language][occasion.kind]
    values = {
        "job": occasion.job,
        "file": occasion.file,
        "host": occasion.host,
        "reason": occasion.reason,
        "count": str(occasion.count),
        "duration": _duration(occasion.seconds, language),
    }
    short = {key: _shorten(value) for key, value in values.items()}
    title = " ".join(template.title.format_map(short).split())
    return Text(title, template.body.format_map(short))


def _duration(seconds: float, language: Language) -> str:
    if language == "en":
        return roughly(seconds)
    if seconds < 60:
        return f"{seconds:.0f} 秒"
    return f"{seconds / 60:.0f} 分钟" if seconds < 3600 else f"{seconds / 3600:.1f} 小时"


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_FIELD_CHARACTERS else text[:MAX_FIELD_CHARACTERS] + "…"
