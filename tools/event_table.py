"""Writes the table of the log's events into docs/events.md. ``--write`` updates the file."""

import sys
from dataclasses import fields
from pathlib import Path

from heygem_daemon.events import cluster, daemon, devices, jobs, notify, requests
from heygem_daemon.events.event import Event
from tools.generated import check_or_write, with_table

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "events.md"
BEGIN, END = "<!-- events: tools.event_table --write -->\n", "<!-- end of events -->\n"


def all_events() -> list[type[Event]]:
    """Return all kinds of events, in the order of their modules."""
    return [
        each
        for module in (daemon, devices, jobs, cluster, requests, notify)
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


def updated(text: str) -> str:
    """Return the document with the present table."""
    return with_table(text, BEGIN, END, table())


def main() -> int:
    """Check the document, or write it."""
    return check_or_write(DOCUMENT, updated(DOCUMENT.read_text(encoding="utf-8")), __doc__)


if __name__ == "__main__":
    sys.exit(main())
