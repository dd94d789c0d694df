"""Says what to write instead of a wrong line of a sidecar. Pure."""

import difflib
import re
from collections.abc import Iterator

from pydantic import ValidationError

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.option_words import VALUES, key_in_chinese
from heygem_daemon.config.sidecar_text import plain_characters
from heygem_daemon.config.wording import format_value

EXAMPLES: dict[str, object] = {
    "engine": "builtin",
    "face": "left",
    "loop": "freeze",
    "codec": "hevc",
    "max_height": 1080,
    "hdr": "keep",
    "audio": "copy",
    "audio_bitrate": 192,
    "loudness": -16,
    "strip": False,
    "quality": "high",
    "crf": 18,
    "preset": "slow",
    "min_coverage": 0.5,
    "priority": 10,
}
"""A value for each option, for somebody who wrote one that is none."""

KEYS_ARE_ENGLISH = "Keys are English words. "
_EXAMPLE = f"Write for example: face = {format_value(EXAMPLES['face'])}. "

_LINE = re.compile(r"""[ \t]*["']?(?P<key>[\w -]{1,64}?)["']?[ \t]*[=:]+[ \t]*(?P<value>[^#]*)""")
_CHOICE = re.compile(r"'([\w-]+)'")
"""A choice in the message of a validation."""
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def advise(line: str) -> str:
    """Return a sentence, with a blank at its end, that says what to write instead of a wrong line
    of a sidecar: what was meant, if that can be seen, or else an example for its key. Empty where
    its key is like none: the value says nothing then."""
    found = _LINE.match(plain_characters(line))
    if found is None:
        return 'Write each option on a line of its own, for example: face = "left". '
    key = key_meant(found["key"])
    if key is None:
        return f"{_EXAMPLE}{KEYS_ARE_ENGLISH}" if not found["key"].isascii() else ""
    value = next((each for each in _values_meant(found["value"]) if is_right(key, each)), None)
    if value is None:
        example = _nearest_value(key, found["value"]) or EXAMPLES[key]
        advice = f"Write for example: {key} = {format_value(example)}. "
    else:
        advice = f"Write: {key} = {format_value(value)}. "
    return advice if found["key"].isascii() else f"{advice}{KEYS_ARE_ENGLISH}"


def lacks_quote(line: str) -> bool:
    """Return whether the value in a line of a sidecar has a quote without its partner."""
    found = _LINE.match(plain_characters(line))
    return found is not None and any(found["value"].count(quote) == 1 for quote in "\"'")


def foreign_key(line: str) -> str | None:
    """Return the key of a line of a sidecar, as it was written, if it is not in plain letters; TOML
    takes the whole line for no statement then. None: it is, or there is no key."""
    found = _LINE.match(plain_characters(line))
    return None if found is None or found["key"].isascii() else found["key"].strip()


def key_meant(key: str) -> str | None:
    """Return the option with the most similar name, or that a Chinese word stands for; None if
    there is none."""
    name = re.sub(r"[ -]+", "_", key.strip().lower())
    close = difflib.get_close_matches(name, EXAMPLES, n=1)
    return close[0] if close else key_in_chinese(key)


def _values_meant(value: str) -> Iterator[object]:
    """Yield what a value may mean: a number, a truth, a word."""
    word = value.strip().strip("\"'").strip()
    for kind in (int, float):
        try:
            yield kind(word)
        except (ValueError, OverflowError):
            continue
    if word.lower() in _WORDS:
        yield _WORDS[word.lower()]
    if word in VALUES:
        yield VALUES[word]
    yield word.lower()


def _nearest_value(key: str, value: str) -> str | None:
    """Return the choice of an option that is spelt most like a value; None if none is like it."""
    word = value.strip().strip("\"'").lower()
    try:
        JobOptions.model_validate({key: word})
    except ValidationError as error:
        choices = [each for fault in error.errors() for each in _CHOICE.findall(fault["msg"])]
        return next(iter(difflib.get_close_matches(word, choices, n=1)), None)
    return None


def is_right(key: str, value: object) -> bool:
    """Return whether an option can have a value."""
    try:
        JobOptions.model_validate({key: value})
    except ValidationError:
        return False
    return True
