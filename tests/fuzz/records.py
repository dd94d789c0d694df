"""Attacks with records: forged journals in folders that users can write to."""

import json
import random
from collections.abc import Iterator
from typing import Any

from heygem_daemon.spool.batch.journal import BatchJournal
from heygem_daemon.spool.job import Journal
from tests.fuzz.ground import Ground
from tests.fuzz.values import LENGTHS, mutate

LONG_AGO = 1_000_000_000.0
NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1", "0", "9" * 5_000, "1e308", "null", '"x"')
ODD_TEXTS = ("../inbox", "../../..", "a/b", "..", ".", "", "\x00", "\udcff", "x" * 5_000)


def attack(ground: Ground, chance: random.Random, numbers: range) -> None:
    """Put a folder with a forged record into outbox/, done/ or failed/ for each of ``numbers``."""
    for number in numbers:
        place = chance.choice(("done", "done", "failed", "failed/batch", "outbox"))
        folder = f"{place}/forged-{number}"
        name, data = record(ground, chance)
        ground.put(f"{folder}/{name}", data)
        for name in chance.sample(("audio.wav", "video.mp4", "reason.txt", "inputs/a.wav"), 2):
            ground.put(f"{folder}/{name}", b"a user's own file")
        if chance.random() < 0.3:
            ground.put(f"outbox/forged-{number}.json", record(ground, chance)[1])
    ground.put("outbox/users-own.txt", b"a user's own file")
    (ground.spool / "done" / "users-own-folder").mkdir(exist_ok=True)


def record(ground: Ground, chance: random.Random) -> tuple[str, bytes]:
    """Return a forged record with the name of its file."""
    name, make = chance.choice((("job.json", _job), ("batch.json", _batch)))
    if chance.random() < 0.1:
        return name, chance.choice((b"[", b'{"a":', b"[{")) * chance.choice(LENGTHS)
    text = json.dumps(make(ground, chance), default=str)
    if chance.random() < 0.3:
        text = text.replace(str(LONG_AGO), chance.choice(NUMBERS))
    data = text.encode()
    return name, mutate(chance, data) if chance.random() < 0.2 else data


def _job(ground: Ground, chance: random.Random) -> dict[str, Any]:
    """Return the fields of a job that ended long ago, some of them hostile."""
    journal = Journal(
        id="20010909-014640-abcdef",
        name="victim",
        audio_name="a.wav",
        video_name="a.mp4",
        claimed_at=LONG_AGO,
        completed_at=LONG_AGO,
        outcome=chance.choice(("published", "failed")),
    )
    fields = journal.model_dump()
    fields["published"] = list(_published(ground, chance))
    return _with_paths(ground, chance, fields)


def _batch(ground: Ground, chance: random.Random) -> dict[str, Any]:
    journal = BatchJournal(
        id="20010909-014640-abcdef",
        name="victim",
        folder_name="victim",
        claimed_at=LONG_AGO,
        completed_at=LONG_AGO,
        outcome="finished",
        done_name="victim",
    )
    fields = journal.model_dump()
    fields["published"] = list(_published(ground, chance))
    fields["ended"] = [_job(ground, chance) for _ in range(chance.randint(0, 2))]
    return _with_paths(ground, chance, fields)


def _published(ground: Ground, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Yield entries that name files outside with their correct sizes; most of the names are valid
    where ``victim`` is the folder."""
    prefix = chance.choice(("",) * 6 + ("../../outside/", f"{ground.outside}/"))
    for path in ground.outside.glob("victim.*"):
        yield {"name": prefix + path.name, "size": path.stat().st_size}
    yield {"name": "users-own.txt", "size": len(b"a user's own file")}


def _with_paths(ground: Ground, chance: random.Random, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields, most times with a name replaced by a path that leads elsewhere."""
    elsewhere = ("../../outside", "../../outside/victim", "../outbox", str(ground.outside))
    names = [key for key in ("name", "folder_name", "done_name", "failed_name") if key in fields]
    for key in chance.sample(names, chance.choice((0, 1, 1))):
        fields[key] = chance.choice(elsewhere)
    if chance.random() < 0.3:
        texts = [key for key, value in fields.items() if isinstance(value, str)]
        fields[chance.choice(texts)] = chance.choice(ODD_TEXTS)
    return fields
