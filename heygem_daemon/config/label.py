"""The visible label: its options, and the characters that it can show."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right"]

MAX_CHARACTERS = 80

_LATIN = (
    (0x20, 0x7E), (0xA0, 0x17F), (0x218, 0x21B), (0x386, 0x3CE), (0x400, 0x45F),
    (0x2010, 0x2027), (0x20AC, 0x20AC), (0x2122, 0x2122),
)  # fmt: skip
"""Code points in the font for Latin, Greek and Cyrillic; first and last."""
_CHINESE = ((0x3000, 0x3011), (0x3041, 0x3096), (0x30A1, 0x30FC), (0xFF01, 0xFF5E))
"""Code points in the Chinese font beside the characters of GB 2312: punctuation, kana."""
_LEVEL_1_ROWS = range(0xB0, 0xD8)
"""Rows of GB 2312 with its 3,755 most frequent characters."""


class LabelOptions(BaseModel):
    """Text that viewers see in the pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field(min_length=1, max_length=MAX_CHARACTERS)
    corner: Corner = "bottom-right"
    percent: float = Field(default=5.0, gt=0, le=20)
    """Height of a Chinese character, in per cent of the picture's shorter side."""
    seconds: float = Field(default=0.0, ge=0)
    """How long it is shown, from the first picture on; 0: always."""


def label_of(text: str, corner: Corner, percent: float, seconds: float) -> LabelOptions | None:
    """Return the options of a label; None: there is none."""
    if not text:
        return None
    return LabelOptions(text=text, corner=corner, percent=percent, seconds=seconds)


def is_chinese(character: str) -> bool:
    """Whether the Chinese font has a character."""
    if _is_in(character, _CHINESE):
        return True
    try:
        code = character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return len(code) == 2 and code[0] in _LEVEL_1_ROWS


def is_latin(character: str) -> bool:
    """Whether the font for Latin, Greek and Cyrillic has a character."""
    return _is_in(character, _LATIN) and character.isprintable()


def unknown_characters(text: str) -> str:
    """Return the characters of ``text`` that no font here has."""
    return "".join(dict.fromkeys(each for each in text if not (is_latin(each) or is_chinese(each))))


def _is_in(character: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(character) <= last for first, last in ranges)


def _check_text(text: str) -> str:
    if unknown := unknown_characters(text):
        raise ValueError(f"the label's fonts have no {', '.join(map(repr, unknown))}")
    return text.strip()


LabelText = Annotated[str, Field(max_length=MAX_CHARACTERS), AfterValidator(_check_text)]
"""The text of a label; empty: none."""
