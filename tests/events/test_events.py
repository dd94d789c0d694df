"""The events of the log: their table, their lines, and that nothing else is logged."""

import ast
import io
import json
import os
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, asdict, fields
from pathlib import Path

import pytest
from loguru import logger

from heygem_daemon.config.settings import Settings
from heygem_daemon.events.event import Event
from heygem_daemon.events.jobs import (
    BatchAdvanced,
    BatchFinished,
    ChunkDone,
    JobGoesOn,
    JobStarted,
)
from heygem_daemon.system import log
from heygem_daemon.system.log_lines import parse_line
from tools.event_table import DOCUMENT, all_events, updated

PACKAGE = Path(__file__).resolve().parents[2] / "heygem_daemon"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "success", "log"}


@pytest.fixture(autouse=True)
def _no_sinks_left() -> Iterator[None]:
    yield
    logger.remove()


def example(kind: type[Event]) -> Event:
    values: dict[object, object] = {str: "a b", int: 3, float: 2.5}
    return kind(**{each.name: values.get(each.type) for each in fields(kind)})


def logged(event: Event, tmp_path: Path, **changes: object) -> str:
    stream = io.StringIO()
    settings = Settings.model_validate({"spool": tmp_path, "log_level": "DEBUG", **changes})
    log.log_to_console(settings, stream)
    event.log(logger.bind(job="talk", id="j7"))
    return stream.getvalue()


def test_the_document_holds_every_event_as_it_is_now() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert updated(text) == text, "run: python -m tools.event_table --write"


def test_every_module_of_events_is_in_the_table() -> None:
    modules = {path.stem for path in (PACKAGE / "events").glob("*.py")} - {"__init__", "event"}
    assert {each.__module__.rpartition(".")[2] for each in all_events()} == modules


def test_names_are_unique_and_fields_clash_with_nothing() -> None:
    names = [each.event_name() for each in all_events()]
    assert len(set(names)) == len(names) > 50
    reserved = {"time", "level", "message", "event", "job", "id", "traceback", "shown", "line"}
    for kind in all_events():
        assert not reserved & {each.name for each in fields(kind)}, kind
        assert kind.shown() <= {each.name for each in fields(kind)}, kind


@pytest.mark.parametrize("kind", all_events(), ids=lambda kind: kind.event_name())
def test_text_and_json_say_the_same(tmp_path: Path, kind: type[Event]) -> None:
    event = example(kind)
    as_json = json.loads(logged(event, tmp_path, log_json=True))
    text = logged(event, tmp_path).rstrip("\n")
    line = parse_line(text)
    assert line is not None
    assert (as_json["event"], as_json["job"], as_json["level"]) == (
        kind.event_name(),
        "talk",
        kind.level,
    )
    for name in ("level", "message", "event", "job", "id"):
        assert line.fields[name] == as_json[name]
    for field in fields(kind):
        value = getattr(event, field.name)
        assert as_json[field.name] == value, "JSON keeps the type"
        if value is not None:
            assert field.name in kind.shown() or line.fields[field.name] == str(value)


def test_a_chunk_has_its_figures_as_numbers(tmp_path: Path) -> None:
    event = ChunkDone(chunk=3, of=12, fps=28.1, percent=25, left_seconds=240)
    line = json.loads(logged(event, tmp_path, log_json=True))
    assert (line["event"], line["chunk"], line["of"], line["fps"], line["percent"]) == (
        "chunk_done",
        3,
        12,
        28.1,
        25,
    )


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (ChunkDone(3, 12, 28.1, 25, 240), "chunk 3/12 at 28.1 fps, 25 %, 4 min left"),
        (ChunkDone(12, 12, 28.1, 100, None), "chunk 12/12 at 28.1 fps, 100 %"),
        (JobGoesOn("join", 61.2, None, None), "join for 61 s"),
        (JobGoesOn("render", 61.2, 40, 7500), "render for 61 s, 40 %, 2 h 5 min left"),
        (JobStarted("CPU", 1, None, None), "job started on CPU, attempt 1"),
        (JobStarted("CPU", 2, 3, 12), "job started on CPU, attempt 2, 3 of 12"),
        (BatchAdvanced(3, 12, 0), "3 of 12 done"),
        (BatchAdvanced(3, 12, 1), "3 of 12 done, 1 of them failed"),
        (BatchFinished(12, 0, ""), "batch finished: 12 published, 0 failed"),
        (
            BatchFinished(12, 0, "a [b].zip"),
            "batch finished: 12 published, 0 failed; all of it in a [b].zip",
        ),
    ],
)
def test_only_the_sentence_has_words_the_fields_are_values(
    event: Event, sentence: str, tmp_path: Path
) -> None:
    line = json.loads(logged(event, tmp_path, log_json=True))
    assert line["message"] == sentence
    assert not [value for value in asdict(event).values() if str(value).startswith((",", ";"))]
    text = parse_line(logged(event, tmp_path).rstrip("\n"))
    assert text is not None
    for name, value in asdict(event).items():
        assert line[name] == value
    if event == BatchAdvanced(3, 12, 0):
        assert text.fields["failed"] == "0", "what the sentence leaves out is behind it"


def test_each_kind_of_event_is_frozen() -> None:
    event = BatchAdvanced(3, 12, failed=1)
    assert event == BatchAdvanced(3, 12, 1) != BatchAdvanced(3, 12, 2)
    with pytest.raises(FrozenInstanceError):
        event.done = 4  # type: ignore[misc]


def test_the_journal_gets_priorities_with_json_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "journal"
    with file.open("w", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        log.log_to_console(Settings.model_validate({"spool": tmp_path, "log_json": True}), stream)
        logger.warning("full")
        logger.bind(traceback="a\nb").error("bug")
    first, second = file.read_text().splitlines()
    assert (first[:3], second[:3]) == ("<4>", "<3>")
    assert json.loads(second[3:])["traceback"] == "a\n    b"


def test_nothing_is_logged_but_events() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = ast.unparse(node.func.value)
            if node.func.attr in LEVELS and "logger" in owner:
                found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert found == []


def test_every_event_is_used() -> None:
    used = {
        node.id
        for path in PACKAGE.rglob("*.py")
        if path.parent.name != "events"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name)
    }
    assert [each for each in all_events() if each.__name__ not in used] == []
