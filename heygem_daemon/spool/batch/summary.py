"""``batch.json`` in the outbox: the state of a batch for people and scripts. Pure."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Literal

from heygem_daemon.language.translator import languages_of, translator
from heygem_daemon.spool.batch.journal import BatchJournal, BatchMember
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.names import printable

MemberState = Literal["waiting", "published", "failed", "cancelled", "removed"]


def summary_text(batch: BatchJournal, final_journals: Mapping[int, Journal]) -> bytes:
    """Return the whole file as JSON in UTF-8. ``final_journals`` are by member number (from 1)."""
    numbers = range(1, len(batch.members) + 1)
    states = [member_state(final_journals.get(number)) for number in numbers]
    zipped = next((file.name for file in batch.published if file.name.endswith(".zip")), None)
    return _dumps(
        {
            "batch": batch.name,
            "dropped_as": printable(batch.folder_name),
            "state": "finished" if batch.outcome == "finished" else "under way",
            "members": len(batch.members),
            "published": states.count("published"),
            "failed": states.count("failed"),
            "cancelled": states.count("cancelled"),
            "claimed": _format_time(batch.claimed_at),
            "finished": _format_time(batch.completed_at),
            "zip": zipped,
            "not_used": list(map(printable, batch.unsupported_files)),
            "missing_in_zip": [*batch.missing, *_without_result(batch, final_journals)],
            "jobs": [
                _member_summary(number, member, final_journals.get(number), batch)
                for number, member in zip(numbers, batch.members, strict=True)
            ],
        }
    )


def _without_result(batch: BatchJournal, final_journals: Mapping[int, Journal]) -> Iterator[str]:
    """Yield the names of the members of a batch that have ended without a result."""
    for number, member in enumerate(batch.members, 1):
        state = member_state(final_journals.get(number))
        if batch.outcome == "finished" and state in ("failed", "cancelled"):
            yield member.name


def member_state(journal: Journal | None) -> MemberState:
    """Return the state of a member from its final journal; None: it has not ended."""
    if journal is None:
        return "waiting"
    if journal.outcome != "published":
        return "cancelled" if journal.cancelled else "failed"
    return "published" if journal.published else "removed"


def _member_summary(
    number: int, member: BatchMember, journal: Journal | None, batch: BatchJournal
) -> dict[str, object]:
    summary: dict[str, object] = {
        "number": number,
        "name": member.name,
        "audio": printable(member.audio),
        "video": printable(member.video),
        "state": member_state(journal),
    }
    if journal is None:
        return summary
    summary |= {"finished": _format_time(journal.completed_at), "attempts": journal.attempts}
    if journal.outcome == "published":
        return summary | {"files": [file.name for file in journal.published]}
    folder = "/".join(filter(None, ("failed", batch.folder, batch.failed_name, journal.name)))
    said = {"reason": journal.reason, "remedy": journal.remedy}
    if "zh" in languages_of(journal.language):
        said |= {f"{key}_zh": translator("zh")(text) for key, text in said.items()}
    return summary | said | {"folder": folder}


def _dumps(value: object) -> bytes:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _format_time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
