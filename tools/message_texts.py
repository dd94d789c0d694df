"""Finds the texts in the program that people read: the reasons of failures and waits, what to do
about them, the doctor's findings, and what commands print.

A text for people is

* an argument of a call of ``CALLS``, such as ``BadInput(…)`` or ``say(…)``,
* what is assigned to a name that ends like one of ``NAMES``: ``NO_FACE_HINT``, ``reason``,
* every text in one of ``MODULES``, which hold little else.

An f-string is a template: each value in it gets the name of the variable it comes from.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from heygem_daemon.config.effect import Effect
from heygem_daemon.config.hours import DAYS
from heygem_daemon.config.origins import OriginKind
from heygem_daemon.doctor.check import Verdict
from heygem_daemon.page.renderer import REQUESTS, STATES
from heygem_daemon.report.backlog import JobState
from heygem_daemon.report.finished import Outcome
from heygem_daemon.report.stages import STAGES
from heygem_daemon.report.status import DaemonState
from heygem_daemon.spool.reason import LABELS
from heygem_daemon.spool.retention import ExpiredKind
from tools.foreign_texts import FOREIGN
from tools.text_modules import MODULES, OTHER_MODULES

CALLS = {
    "BadInput", "TooLarge", "NoDecoder", "EnvironmentFault", "SpoolUnavailable", "SpoolBusy",
    "ClaimFailed", "DeviceUnavailable", "WeightsUnavailable", "NameContested", "UnreadableText",
    "InvalidResult", "ConfigurationError", "passed", "warned", "failed", "Section", "InboxNotice",
    "name_each", "Answer", "refused", "say", "translate", "counted",
}  # fmt: skip
"""Their arguments are texts for people."""

NAMES = (
    "reason", "remedy", "hint", "why", "detail", "problem", "fault", "message", "note", "meaning",
    "error", "hold", "cause", "description", "warning", "REMEDIES", "FORMATS", "MEANINGS",
)  # fmt: skip
"""How names end whose values are texts for people."""

NOT_FOR_PEOPLE = {
    "Option", "Argument", "Typer", "TypeError", "RuntimeError", "AssertionError", "compile",
    "Thread", "collect", "getattr", "strftime", "encode", "write_text", "read_text", "Literal",
    "Field", "LookupError", "findall",
}  # fmt: skip
"""Calls whose arguments are not: help in English, bugs, formats."""

ONE_WORD = {"Section", "passed", "warned", "failed"}
"""Calls in which a single word is a text as well: headings, the doctor's names of findings."""

OTHERS = (
    *get_args(JobState), *get_args(DaemonState), *get_args(Outcome), *STAGES, *LABELS.values(),
    *(each.value for each in Effect), *get_args(OriginKind), *get_args(ExpiredKind),
    *get_args(Verdict),
    *(f"{day} {{time}} ({{zone}})" for day in DAYS), *FOREIGN,
    "error", "deferred", "unknown", "{seconds} s", "{minutes} min", "{hours} h {minutes} min",
    "{minutes} min {seconds} s", "Name", "shipped", "spool disk", "spool room", "spool inodes",
)  # fmt: skip
"""Words of the status and of commands, weekdays, durations, and what other programs say."""

_NAMED = re.compile("|".join(f"{name}s?$" for name in NAMES), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FoundText:
    """A text for people."""

    text: str
    """With names in braces where values belong."""

    file: str
    """Where it stands, relative to the package."""


def find_texts(package: Path) -> Iterator[FoundText]:
    """Yield the texts of all modules below ``package``."""
    for file in sorted(package.rglob("*.py")):
        name = file.relative_to(package).as_posix()
        if any(Path(name).match(pattern) for pattern in OTHER_MODULES):
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        is_listed = any(Path(name).match(pattern) for pattern in MODULES)
        finder = Finder(is_listed, has_findings=name.startswith("doctor/"))
        finder.visit(tree)
        for text in finder.found:
            yield FoundText(text, name)
    for text in (*OTHERS, *STAGES.values(), *STATES.values(), *REQUESTS):
        yield FoundText(text, "page/renderer.py")


class Finder(ast.NodeVisitor):
    """Collects the texts of a module."""

    def __init__(self, is_listed: bool, *, has_findings: bool = False) -> None:
        """``is_listed``: whether every text of the module counts. ``has_findings``: whether a
        ``name`` in it is what a finding of the doctor is called, though it is a single word."""
        self._counts = is_listed
        self._has_findings = has_findings
        self._words = 2
        self.found: list[str] = []

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name in NOT_FOR_PEOPLE:
            return
        self.visit(node.func)
        words = 1 if name in ONE_WORD else self._words
        if name == "print_table":
            self._visit_table(node)
            return
        for each in node.args:
            self._visit_as(each, self._counts or name in CALLS, words)
        for keyword in node.keywords:
            is_named = bool(keyword.arg and _NAMED.search(keyword.arg))
            self._visit_as(keyword.value, self._counts or is_named, words)

    def _visit_table(self, node: ast.Call) -> None:
        """A table's title and headings are texts, what is in it only with several words."""
        for number, each in enumerate(node.args):
            self._visit_as(each, True, 1 if number < 2 else 2)

    def visit_Assign(self, node: ast.Assign) -> None:
        names = [each.id for each in ast.walk(node.targets[0]) if isinstance(each, ast.Name)]
        counts = self._counts or any(map(_NAMED.search, names))
        words = 1 if self._has_findings and names in (["name"], ["NAME"]) else self._words
        self._visit_as(node.value, counts, words)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        name = node.target.id if isinstance(node.target, ast.Name) else ""
        if node.value is not None:
            self._visit_as(node.value, self._counts or bool(_NAMED.search(name)), self._words)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        before = self._counts
        self._counts = before or bool(_NAMED.search(node.name))
        for each in node.body:
            self.visit(each)
        self._counts = before

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._add(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._add(template_of(node))
        for each in node.values:
            if isinstance(each, ast.FormattedValue):
                self.visit(each.value)

    def visit_Dict(self, node: ast.Dict) -> None:
        for each in node.values:  # what something is found by is no text for people
            self.visit(each)

    def _visit_as(self, node: ast.AST, counts: bool, words: int) -> None:
        before = self._counts, self._words
        self._counts, self._words = counts, words
        self.visit(node)
        self._counts, self._words = before

    def _add(self, text: str) -> None:
        for line in text.split("\n"):
            self._add_line(normalise(line))

    def _add_line(self, text: str) -> None:
        letters = re.sub(r"\{\w+\}", "", text)
        starts = text[:1] not in (".", "<")
        prose = (
            starts and re.search(r"[A-Za-z]{2}", letters) and not re.search(r"[一-鿿<>]", letters)
        )
        if self._counts and prose and len(text.split()) >= self._words:
            self.found.append(text)


def normalise(text: str) -> str:
    """Return a text without what only joins it to others."""
    text = " ".join(text.split()).strip(" ,;:")
    is_bracket = text.startswith("(") and text.endswith(")") and text.count("(") == 1
    return text[1:-1] if is_bracket else text


def template_of(node: ast.JoinedStr) -> str:
    """Return the template of an f-string, ``{path.name} is empty`` as ``{name} is empty``."""
    parts, used = [], set[str]()
    for each in node.values:
        if isinstance(each, ast.Constant):
            parts.append(str(each.value))
        elif isinstance(each, ast.FormattedValue):
            name = first = _name_of(each.value)
            number = 2
            while name in used:
                name, number = f"{first}_{number}", number + 1
            used.add(name)
            parts.append(f"{{{name}}}")
    return "".join(parts)


def _name_of(value: ast.expr) -> str:
    """Return the last name in an expression: that says most of what the value is."""
    names = [
        each.id if isinstance(each, ast.Name) else each.attr
        for each in ast.walk(value)
        if isinstance(each, (ast.Name, ast.Attribute))
    ]
    plain = [name.strip("_").lower() for name in names if name not in _WRAPPERS]
    return plain[0] if plain else "value"


_WRAPPERS = {
    "printable", "float", "str", "len", "map", "round", "max", "min", "abs", "GIB", "MIB", "join",
    "quote", "shlex", "format_names", "format_bytes", "self", "roughly",
}  # fmt: skip
"""Names that say nothing of a value."""
