"""``batch.json`` in the outbox: how a batch stands, for people and scripts. Pure."""

import json
import time
from collections.abc import Mapping
from typing import Literal

from heygem_daemon.spool.batch.journal import BatchJournal, Slot
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.names import printable

State = Literal["waiting", "published", "failed", "removed"]


def summary_text(batch: BatchJournal, ended: Mapping[int, Journal]) -> bytes:
    """The whole file, in ASCII. ``ended``: the final journals, by the member's number."""
    numbers = range(1, len(batch.members) + 1)
    states = [state_of(ended.get(number)) for number in numbers]
    zipped = next((file.name for file in batch.published if file.name.endswith(".zip")), None)
    return _dumps(
        {
            "batch": batch.name,
            "dropped_as": printable(batch.folder_name),
            "state": "finished" if batch.outcome == "finished" else "under way",
            "members": len(batch.members),
            "published": states.count("published"),
            "failed": states.count("failed"),
            "claimed": _moment(batch.claimed_at),
            "finished": _moment(batch.completed_at),
            "zip": zipped,
            "missing_in_zip": list(batch.missing),
            "jobs": [
                _member(number, slot, ended.get(number), batch)
                for number, slot in zip(numbers, batch.members, strict=True)
            ],
        }
    )


def state_of(journal: Journal | None) -> State:
    """How a member stands, from its final journal."""
    if journal is None:
        return "waiting"
    if journal.outcome != "published":
        return "failed"
    return "published" if journal.published else "removed"


def _member(
    number: int, slot: Slot, journal: Journal | None, batch: BatchJournal
) -> dict[str, object]:
    told: dict[str, object] = {
        "number": number,
        "name": slot.name,
        "audio": printable(slot.audio),
        "video": printable(slot.video),
        "state": state_of(journal),
    }
    if journal is None:
        return told
    told |= {"finished": _moment(journal.completed_at), "attempts": journal.attempts}
    if journal.outcome == "published":
        return told | {"files": [file.name for file in journal.published]}
    folder = f"failed/{batch.failed_name}/{journal.name}"
    return told | {"reason": journal.reason, "remedy": journal.remedy, "folder": folder}


def _dumps(value: object) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
