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

from heygem_daemon.page.renderer import STATES
from heygem_daemon.report.backlog import JobState
from heygem_daemon.report.finished import Outcome
from heygem_daemon.report.stages import STAGES
from heygem_daemon.report.status import DaemonState
from heygem_daemon.spool.reason import LABELS

CALLS = {
    "BadInput", "TooLarge", "NoDecoder", "EnvironmentFault", "SpoolUnavailable", "SpoolBusy",
    "ClaimFailed", "DeviceUnavailable", "WeightsUnavailable", "NameContested", "UnreadableText",
    "InvalidResult", "ConfigurationError", "passed", "warned", "failed", "Section", "InboxNotice",
    "name_each", "Answer", "refused", "say", "translate",
}  # fmt: skip
"""Their arguments are texts for people."""

NAMES = (
    "reason", "remedy", "hint", "why", "detail", "problem", "fault", "message", "note", "meaning",
    "error", "hold", "cause", "description", "warning", "REMEDIES", "FORMATS", "MEANINGS",
)  # fmt: skip
"""How names end whose values are texts for people."""

MODULES = (
    "cli/config.py",
    "cli/doctor.py",
    "cli/history.py",
    "cli/jobs.py",
    "cli/logs.py",
    "cli/output.py",
    "cli/status.py",
    "cli/steering.py",
    "cli/submit.py",
    "cli/submit_wait.py",
    "cli/verify.py",
    "cli/weights.py",
    "config/choices.py",
    "config/doubts.py",
    "config/folders.py",
    "config/option_advice.py",
    "config/output_options.py",
    "config/sidecar.py",
    "config/value_types.py",
    "config/wording.py",
    "device/batching.py",
    "doctor/*.py",
    "durations.py",
    "engines/builtin/planner.py",
    "face/tracking/track.py",
    "gpu/blockers.py",
    "gpu/driver_errors.py",
    "gpu/figures.py",
    "gpu/placement.py",
    "gpu/warnings.py",
    "gpu/xid.py",
    "media/guard.py",
    "media/known_formats.py",
    "media/proportion.py",
    "media/sound_warnings.py",
    "media/verify.py",
    "media/video_warnings.py",
    "notify/templates.py",
    "render/appraisal.py",
    "render/quality.py",
    "page/ended.py",
    "page/view.py",
    "report/backlog.py",
    "report/liveness.py",
    "report/status.py",
    "report/totals.py",
    "service/admission.py",
    "service/answers.py",
    "service/candidates.py",
    "service/decisions.py",
    "service/ended_requests.py",
    "service/estimates.py",
    "service/failure_reasons.py",
    "service/folders.py",
    "service/inboxes.py",
    "service/job_statuses.py",
    "service/left_alone.py",
    "service/lone_notices.py",
    "service/notices.py",
    "service/offline_requests.py",
    "service/open_requests.py",
    "service/outcomes.py",
    "service/owner_notices.py",
    "service/rest.py",
    "service/run_summary.py",
    "service/sidecar_mistakes.py",
    "service/signing.py",
    "service/steering.py",
    "spool/batch/journal.py",
    "spool/batch/roster.py",
    "spool/claim.py",
    "spool/clock_record.py",
    "spool/formats.py",
    "spool/hot_folders.py",
    "spool/lock_trust.py",
    "spool/own_folders.py",
    "spool/ownership.py",
    "spool/reason.py",
    "spool/recovery.py",
    "spool/roles.py",
    "spool/settle.py",
    "spool/submit.py",
    "system/disk_space.py",
    "system/os_errors.py",
    "system/untrusted.py",
    "worker/handle.py",
)
"""Modules in which every text of several words is for people."""

OTHER_MODULES = (
    "cli/app.py", "config/reference.py", "engines/builtin/audio/*.py",
    "engines/wav2lip/dtype_choice.py", "engines/wav2lip/runner.py",
    "engines/wav2lip/checkpoint_process.py", "gpu/evidence.py", "gpu/idleness.py",
    "media/mux.py", "notify/command.py", "notify/retries.py", "protocol.py",
    "service/gpu_monitor.py", "worker/process.py", "report/*_metrics.py", "events/*.py",
)  # fmt: skip
"""Modules whose texts go into the log or the report alone."""

NOT_FOR_PEOPLE = {
    "Option", "Argument", "Typer", "TypeError", "RuntimeError", "AssertionError", "compile",
    "Thread", "collect", "getattr", "strftime", "encode", "write_text", "read_text", "Literal",
    "Field",
}  # fmt: skip
"""Calls whose arguments are not: help in English, bugs, formats."""

ONE_WORD = {"Section", "passed", "warned", "failed"}
"""Calls in which a single word is a text as well: headings, the doctor's names of findings."""

OTHERS = (
    *get_args(JobState), *get_args(DaemonState), *get_args(Outcome), *STAGES, *LABELS.values(),
    "error", "deferred", "unknown", "must be {expected}",
    "must be greater than or equal to {least}", "must be greater than {least}",
    "must be less than or equal to {most}", "{seconds} s", "{minutes} min",
    "{hours} h {minutes} min", "{minutes} min {seconds} s", "Name",
    "must have at most {count} characters", "Invalid value", "Invalid statement",
    "Expected '=' after a key in a key/value pair", "Cannot overwrite a value",
    "Expected newline or end of document after a statement", "Unterminated string",
)  # fmt: skip
"""Words of the status, what pydantic and tomllib say of values, durations."""

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
        finder = _Finder(is_listed)
        finder.visit(tree)
        for text in finder.found:
            yield FoundText(text, name)
    for text in (*OTHERS, *STAGES.values(), *STATES.values()):
        yield FoundText(text, "page/renderer.py")


class _Finder(ast.NodeVisitor):
    """Collects the texts of a module."""

    def __init__(self, is_listed: bool) -> None:
        """``is_listed``: whether every text of the module counts."""
        self._is_listed = is_listed
        self._counts = is_listed
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
        self._visit_as(node.value, self._counts or any(map(_NAMED.search, names)), self._words)

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
