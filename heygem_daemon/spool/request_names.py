"""The names of requests: ``talk.cancel`` asks to cancel the job ``talk``. Pure.

A name is read as people's programs and keyboards write it, where it can mean one thing alone. What
is only similar to a request is none: the person is told what was probably meant.
"""

import re
import string
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, get_args

Verb = Literal["cancel", "hurry", "retry", "remove"]
"""cancel: end a job that has not ended; hurry: let a waiting one go first; retry: render an ended
one again; remove: delete an ended one with all that belongs to it."""

VERBS: tuple[Verb, ...] = get_args(Verb)

_IN_CHINESE: dict[str, Verb] = {
    "取消": "cancel",
    "加急": "hurry",
    "重试": "retry",
    "重試": "retry",
    "重做": "retry",
    "删除": "remove",
    "刪除": "remove",
}

_EXACT: dict[str, Verb] = {**{verb: verb for verb in VERBS}, **_IN_CHINESE}
"""The words for the verbs that are carried out."""

_SYNONYMS: dict[Verb, str] = {
    "cancel": "abort stop canceled cancelled canceling cancelling 停止 中止 终止 撤销",
    "hurry": "rush urgent faster hurried 优先 紧急 加速 催促",
    "retry": "redo again repeat retried 重新 重来 再试 再做",
    "remove": "delete del erase removed 移除 清除 删掉",
}
"""Words that people use for each verb, too. They are not carried out."""

NO_NAME = "NAME"
"""Stands for the name of the job where there is none."""

CHINESE_LETTERS = 2
"""How many characters each Chinese verb has."""

_EDITORS_SUFFIX = ".txt"
"""What Windows adds to the name of a new text file, and hides."""

_DOTS = ".．。｡"
"""The dot before the verb, also as input methods write it."""

_HARMLESS_END = f" \u3000{_DOTS}"
_BETWEEN = " \u3000_-,，:：、"
"""What stands between name and verb where the dot is forgotten."""

_AROUND = f"{string.whitespace}\u3000\"'“”‘’「」『』【】"
"""What may stand around the verb."""

_WORD = re.compile(r"[^\W\d_]+")

REMEMBERED = 1 << 14
"""How many names are remembered with what was meant: a scan asks again and again."""


def parse_request_name(name: str) -> tuple[str, Verb] | None:
    """Return the job's name and the verb in the name of a file; None: it is no request."""
    stem, word = _split(name)
    verb = _EXACT.get(_plain(word))
    return (stem, verb) if verb and stem.strip() else None


@lru_cache(REMEMBERED)
def is_request(name: str) -> bool:
    """Return whether the name is that of a request."""
    return parse_request_name(name) is not None


@lru_cache(REMEMBERED)
def request_meant(name: str) -> str | None:
    """Return the name of the request that a file's name was probably meant to be; None if it is a
    request, or is like none. Of a verb alone, the name of the job is ``NO_NAME``."""
    if is_request(name):
        return None
    stem, word = _split(name)
    if not stem.strip():
        meant = _without_dot(word)
    elif inner := parse_request_name(stem):  # talk.retry.toml
        meant = inner
    elif verb := _similar(_plain(word)):
        meant = stem, verb
    else:
        meant = _after_blank(word, stem)  # talk.mp4 cancel
    return f"{meant[0].strip()}.{meant[1]}" if meant else None


def is_verb_alone(name: str) -> bool:
    """Return whether a file's name is a verb without the name of a job: ``.cancel``."""
    stem, word = _split(name)
    return not stem.strip() and _plain(word) in _EXACT


def _split(name: str) -> tuple[str, str]:
    """Return what stands before the last dot, and after it, without what editors add."""
    text = name.rstrip(_HARMLESS_END)
    while text.lower().endswith(_EDITORS_SUFFIX):
        text = text[: -len(_EDITORS_SUFFIX)].rstrip(_HARMLESS_END)
    dot = max(text.rfind(each) for each in _DOTS)
    return text[: max(dot, 0)], text[dot + 1 :]


def _plain(word: str) -> str:
    """Return a word without full-width letters, capital ones, and blanks and quotes around it; a
    Chinese one also without blanks within."""
    if word.isascii():
        return word.strip(_AROUND).lower()
    folded = unicodedata.normalize("NFKC", word).strip(_AROUND).lower()
    compact = "".join(folded.split())
    return compact if compact in _CHINESE_ALIKE else folded


def _similar(word: str) -> Verb | None:
    """Return the verb that a word is like, or begins with: ``cancle``, ``cancel (2)``."""
    found = _WORD.match(word)
    if found is None:
        return None
    if verb := _ALIKE.get(found[0]) or _ALIKE.get("".join(word.split())):
        return verb
    whole = next((verb for each, verb in _CHINESE_ALIKE.items() if each in found[0]), None)
    return whole or _half_right(word)


def _half_right(word: str) -> Verb | None:
    """Return the verb of which one of the two characters of a Chinese word is, in its place: no
    format is called so."""
    if len(word) != CHINESE_LETTERS or word.isascii():
        return None
    for each, verb in _IN_CHINESE.items():
        if any(one == other for one, other in zip(word, each, strict=True)):
            return verb
    return None


def _without_dot(text: str) -> tuple[str, Verb] | None:
    """Return name and verb of a text without a dot: ``talk cancel``, ``取消talk``, ``cancel``."""
    folded = _plain(text)
    if folded in _EXACT:
        return NO_NAME, _EXACT[folded]
    for word, verb in _EXACT.items():
        written = word if word.isascii() else r"\s*".join(word)
        for rest in (re.sub(rf"{written}\Z", "", folded), re.sub(rf"\A{written}", "", folded)):
            name = rest.strip(_BETWEEN)
            is_apart = not word.isascii() or rest != name
            if rest != folded and name and is_apart:
                return name, verb
    return None


def _after_blank(word: str, stem: str) -> tuple[str, Verb] | None:
    """Return name and verb where the last word after the dot is a verb: ``talk.mp4 cancel``."""
    before, _, last = _plain(word).rpartition(" ")
    verb = _EXACT.get(last) if before else None
    return (f"{stem}.{before.strip()}", verb) if verb else None


def _misspelt(word: str) -> Iterator[str]:
    """Yield a word with one mistake: a letter too few, too many or wrong, or two exchanged."""
    for place in range(len(word) + 1):
        before, after = word[:place], word[place:]
        yield before + after[1:]
        yield before + after[1:2] + after[:1] + after[2:]
        for letter in string.ascii_lowercase:
            yield before + letter + after
            yield before + letter + after[1:]


_CHINESE_ALIKE: dict[str, Verb] = {
    **_IN_CHINESE,
    **{each: verb for verb in VERBS for each in _SYNONYMS[verb].split() if not each.isascii()},
}

_ALIKE: dict[str, Verb] = {
    **{each: verb for verb in VERBS for each in _misspelt(verb)},
    **{each: verb for verb in VERBS for each in _SYNONYMS[verb].split()},
    **_EXACT,
}
"""The verbs by the words that are like them."""
