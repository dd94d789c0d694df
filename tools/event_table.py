"""Writes the table of the log's events into docs/events.md. ``--write`` updates the file."""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from heygem_daemon.events import daemon, devices, jobs, notify
from heygem_daemon.events.event import Event

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "events.md"
BEGIN, END = "<!-- events: tools/event_table.py --write -->\n", "<!-- end of events -->\n"


def all_events() -> list[type[Event]]:
    """Return all kinds of events, in the order of their modules."""
    return [
        each
        for module in (daemon, devices, jobs, notify)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Event) and each is not Event
    ]


def table() -> str:
    """Return the table as Markdown."""
    rows = ["| event | level | fields | sentence | when |", "|---|---|---|---|---|"]
    for event in all_events():
        typed = ", ".join(f"`{field.name}` {_type_name(field.type)}" for field in fields(event))
        meaning = " ".join((event.__doc__ or "").split())
        cells = (
            f"`{event.event_name()}`",
            event.level,
            typed or "-",
            f"`` {event.text} ``",
            meaning,
        )
        rows.append("| " + " | ".join(each.replace("|", "or") for each in cells) + " |")
    return "\n".join(rows) + "\n"


def _type_name(kind: object) -> str:
    name = kind.__name__ if isinstance(kind, type) else str(kind)
    return {"str": "text", "int": "whole", "float": "number"}.get(
        name.removesuffix(" | None"), name
    ) + (" or null" if name.endswith(" | None") else "")


def with_table(text: str) -> str:
    """Return the document with the present table. Raises ValueError if it has no place for it."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{DOCUMENT.name} has no lines {BEGIN!r} and {END!r}")
    return before + BEGIN + "\n" + table() + "\n" + END + after


def main() -> int:
    """Check the document, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    text = DOCUMENT.read_text(encoding="utf-8")
    new = with_table(text)
    if parser.parse_args().write:
        DOCUMENT.write_text(new, encoding="utf-8")
        return 0
    return int(new != text)


if __name__ == "__main__":
    sys.exit(main())
