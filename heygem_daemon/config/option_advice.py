"""Says what to write instead of a wrong line of a sidecar. Pure."""

import difflib
import re
from collections.abc import Iterator

from pydantic import ValidationError

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.sidecar_text import with_plain_signs
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

_LINE = re.compile(r"""[ \t]*["']?(?P<key>[\w -]{1,64}?)["']?[ \t]*[=:]+[ \t]*(?P<value>[^#]*)""")
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def advise(line: str) -> str:
    """Return a sentence, with a blank at its end, that says what to write instead of a wrong line
    of a sidecar: what was meant, if that can be seen, or else an example for its key."""
    found = _LINE.match(with_plain_signs(line))
    if found is None:
        return 'Write each option on a line of its own, for example: face = "left". '
    key = _key_meant(found["key"])
    value = next((each for each in _values_meant(found["value"]) if _is_right(key, each)), None)
    if value is None:
        return f"Write for example: {key} = {format_value(EXAMPLES[key])}. "
    return f"Write: {key} = {format_value(value)}. "


def _key_meant(key: str) -> str:
    """Return the option with the most similar name; ``face`` if none is similar."""
    name = re.sub(r"[ -]+", "_", key.strip().lower())
    close = difflib.get_close_matches(name, EXAMPLES, n=1)
    return close[0] if close else "face"


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
    yield word.lower()


def _is_right(key: str, value: object) -> bool:
    try:
        JobOptions.model_validate({key: value})
    except ValidationError:
        return False
    return True
