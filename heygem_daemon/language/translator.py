"""Gives a translator for each language, and says in which languages something is written."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Literal, get_args

from heygem_daemon.language.catalogue import read_catalogue
from heygem_daemon.language.listing import (
    count_stray_brackets,
    is_list,
    list_in_chinese,
    may_be_list,
    split_outside_brackets,
)
from heygem_daemon.language.template import fill_in
from heygem_daemon.language.template_index import TemplateIndex

Language = Literal["en", "zh"]
LanguageSetting = Literal["en", "zh", "both"]
LANGUAGE_SETTINGS: tuple[LanguageSetting, ...] = get_args(LanguageSetting)

MAX_CHARACTERS = 4000
"""A longer text stays as it is."""

MAX_TRIES = 4
"""How many templates that fit a text are tried."""

MAX_DEPTH = 3
"""How deep texts within the values of other texts are translated."""

MAX_MERGED = 4
"""Of so many parts a text may consist that has their joint in it."""

REMEMBERED = 8192
"""How many translations of texts and clauses are kept: a page shows the same ones again and again,
and a full page has a few thousand of them."""

_JOINTS = (("? ", "？"), ("; ", "；"), (". ", "。"), (": ", "："), (", ", "，"))
"""How several texts are joined to one in English, from the loosest to the tightest joint, and what
stands there in Chinese."""

_SENTENCE_JOINTS = ("? ", "; ", ". ")

_JOINT_CHARACTERS = " ,;:"
_CODE = re.compile(r"\w+ = \S+")
"""What people type stays as it is."""


class Translator:
    """Translates from English. What has no translation stays English."""

    def __init__(self, language: Language, texts: Mapping[str, str]) -> None:
        """``texts``: the translation of each English text."""
        self.language: Language = language
        self._texts = texts
        self._templates = TemplateIndex(texts)
        self._joined = {
            joint: TemplateIndex({text: own for text, own in texts.items() if joint in text})
            for joint in _SENTENCE_JOINTS
        }
        """The texts that have a joint of sentences in them."""
        self._translate = lru_cache(REMEMBERED)(self._translate_anew)

    @property
    def joint(self) -> str:
        """What stands between two sentences."""
        return "" if self.language == "zh" else " "

    def __call__(self, text: str, **values: object) -> str:
        """Return the translation of a text of the program. It may be finished already, with its
        values in it: these stay as they are. ``values`` take the places of their names."""
        if values:
            translated = self._texts.get(text) or text
            return fill_in(translated, {name: str(value) for name, value in values.items()})
        if not self._texts or len(text) > MAX_CHARACTERS:
            return text
        return self._translate(text, MAX_DEPTH)

    def knows(self, text: str) -> bool:
        """Return whether all of a finished text has a translation."""
        return self.language == "en" or bool(
            self._exact(text) or any(self._from_templates(text, MAX_DEPTH))
        )

    def _translate_anew(self, text: str, depth: int, joint: int = 0) -> str:
        """Translate a text as a whole or by the parts of which it was joined, whichever leaves less
        of it in English."""
        if (exact := self._exact(text)) is not None:
            return exact
        fitting, doubtful = self._from_templates(text, depth)
        candidates = [*fitting, *self._from_parts(text, depth, joint), *doubtful]
        return min(candidates, key=_strangeness, default=text)

    def _exact(self, text: str) -> str | None:
        """Return the translation of a text without values."""
        for form, change in _forms(text):
            if found := self._texts.get(form):
                return change(found)
        return None

    def _from_templates(self, text: str, depth: int) -> tuple[list[str], list[str]]:
        """Return the text as the likeliest templates give it, the likeliest first; and apart those
        that may have taken other clauses for a value, and put their words before them."""
        fitting: list[str] = []
        doubtful: list[str] = []
        for form, change in _forms(text):
            for template, translation in self._templates.that_may_fit(form):
                values = template.find_values(form)
                if values is not None:
                    filled = {
                        name: self._value(name, each, depth - 1) for name, each in values.items()
                    }
                    is_doubtful = template.moves_clauses(values, translation)
                    found = doubtful if is_doubtful else fitting
                    found.append(change(fill_in(translation, filled)))
                    if len(fitting) + len(doubtful) == MAX_TRIES:
                        return fitting, doubtful
        return fitting, doubtful

    def _from_parts(self, text: str, depth: int, joint: int) -> Iterator[str]:
        """Yield the text by its parts, split at its loosest joint."""
        for number in range(joint, len(_JOINTS)):
            english, own = _JOINTS[number]
            parts = self._merged(split_outside_brackets(text, english), english)
            # A text that asks is known with its question mark alone.
            end = english.strip() if number == 0 else ""
            parts = [*(f"{each}{end}" for each in parts[:-1]), parts[-1]]
            if len(parts) > 1:
                translated = [self._clause(part, depth, number + 1) for part in parts]
                if translated != parts:
                    yield own.join(
                        each.removesuffix("。").removesuffix(own).removesuffix("?")
                        for each in translated[:-1]
                    ) + (own + translated[-1])
        yield from self._with_bracket(text, depth)

    def _merged(self, parts: list[str], joint: str) -> list[str]:
        """Return the parts of a text, those as one that are a text of the program with the same
        joint in it."""
        merged: list[str] = []
        while parts:
            counts = range(min(MAX_MERGED, len(parts)), 1, -1)
            known = (each for each in counts if self._is_one_text(joint.join(parts[:each]), joint))
            count = next(known, 1)
            merged.append(joint.join(parts[:count]))
            parts = parts[count:]
        return merged

    def _is_one_text(self, text: str, joint: str) -> bool:
        """Return whether the program has a text with a joint in it that is all of ``text``."""
        if self._exact(text) is not None:
            return True
        if (index := self._joined.get(joint)) is None:
            return False
        for form, _ in _forms(text):
            for template, _ in index.that_may_fit(form):
                values = template.find_values(form)
                if values is not None and not any(joint in each for each in values.values()):
                    return True
        return False

    def _with_bracket(self, text: str, depth: int) -> Iterator[str]:
        """Yield 'the disk is full (No space left on device)' with what is known of it."""
        if text.startswith("(") and text.endswith(")"):
            inner = self._clause(text[1:-1], depth - 1)
            if inner != text[1:-1]:
                yield f"（{inner}）"
        before, bracket, inside = text.removesuffix(")").partition(" (")
        if not bracket or not text.endswith(")"):
            return
        parts = [before, inside]
        translated = [self._clause(each, depth - 1) for each in parts]
        if translated != parts:
            yield f"{translated[0]}（{translated[1]}）"

    def _value(self, place: str, text: str, depth: int) -> str:
        """Translate the value in the place of this name. A text of the program may hold " and "
        too, and is no list then."""
        if (exact := self._exact(text)) is not None and " " in text:
            return exact
        if is_list(place) and may_be_list(text):
            return list_in_chinese(text, lambda item: self._clause(item, depth))
        return self._clause(text, depth)

    def _clause(self, text: str, depth: int, joint: int = 0) -> str:
        """Translate a part or a value. A single word may be somebody's name, and stays."""
        core = text.strip(_JOINT_CHARACTERS)
        if depth <= 0 or " " not in core or _CODE.fullmatch(core):
            return text
        before, _, after = text.partition(core)
        own = self._translate(core, depth, joint)
        return text if own == core else _own_joints(before) + own + _own_joints(after)


def _forms(text: str) -> Iterator[tuple[str, Callable[[str], str]]]:
    """Yield how a text may stand in the catalogue, and what its translation then needs: a clause
    may have become a sentence where it is shown, and the other way round."""
    for form in dict.fromkeys((text, text[:1].swapcase() + text[1:])):
        yield form, lambda found: found
        if form.endswith("."):
            yield form[:-1], lambda found: f"{found}。"
        else:
            yield f"{form}.", lambda found: found.removesuffix("。")


def _strangeness(text: str) -> tuple[int, int]:
    """Sort translations: first by the letters that stayed English, then by the brackets that a
    wrong fit has torn apart."""
    english = sum(each.isascii() and each.isalpha() for each in text)
    return english, count_stray_brackets(text)


def _own_joints(text: str) -> str:
    """Return what stands between two clauses, as it is in Chinese."""
    return text.translate({ord(","): "，", ord(";"): "；", ord(":"): "：", ord(" "): None})


@cache
def translator(language: Language) -> Translator:
    """Return the translator of a language. Without its catalogue everything stays English: a
    damaged installation is no reason to keep a job from its end."""
    try:
        return Translator(language, {} if language == "en" else read_catalogue(language))
    except (OSError, ValueError):
        return Translator(language, {})


def languages_of(setting: LanguageSetting) -> tuple[Language, ...]:
    """Return the languages in which a file for people is written, in their order."""
    return ("en", "zh") if setting == "both" else (setting,)


def in_each(setting: LanguageSetting, write: Callable[[Translator], str]) -> list[str]:
    """Return what ``write`` makes in each language of the setting."""
    return [write(translator(language)) for language in languages_of(setting)]


def terminal_language(setting: LanguageSetting, environment: Mapping[str, str]) -> Language:
    """Return the language of a command's output: with "both", that of the terminal (locale(7))."""
    if setting != "both":
        return setting
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((environment[name] for name in names if environment.get(name)), "")
    return "zh" if locale.lower().startswith("zh") else "en"
