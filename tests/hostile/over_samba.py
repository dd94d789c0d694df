"""A hostile user of the shares, with real clients."""

import random
import subprocess
from contextlib import suppress

from demo.samba import Client
from tests.fuzz import media, records
from tests.fuzz.ground import USERS_FOLDERS, Ground
from tests.fuzz.values import sidecar

BURST = 40
"""How many files one client puts before the next one starts."""

MAX_HELD = 30
HEAVY_BYTES = 3_000_000


def be_hostile_over_samba(client: Client, seed: int) -> None:
    """Attack through the shares, for ever."""
    chance, number, held = random.Random(seed), 0, list["subprocess.Popen[bytes]"]()
    own = client.folder / "hostile"
    own.mkdir()
    ground, clips = Ground(client.folder.parent), media.clips()
    box = HEAVY_BYTES.to_bytes(4, "big") + b"free" + bytes(HEAVY_BYTES - 8)
    (own / "heavy.mp4").write_bytes(clips["mp4"] + box)
    (own / "urgent").write_bytes(b"priority = 100\n")
    while True:
        number += 1
        record, data = records.record(ground, chance)
        files = {"toml": sidecar(chance)[:100_000], "bin": chance.randbytes(3_000), record: data}
        files |= {"wav": clips["wav"], "mp4": clips["mp4"] + chance.randbytes(8)}
        for name, content in files.items():
            (own / name).write_bytes(content)
        client.try_out("inbox", "; ".join(_in_inbox(str(own), chance, number)))
        _hold(client, held, number)
        place = chance.choice(USERS_FOLDERS[1:])
        client.try_out(place, "; ".join(_elsewhere(f"{own}/{record}", record, number)))


def _in_inbox(own: str, chance: random.Random, number: int) -> list[str]:
    """Return a client's commands in the inbox."""
    many = [f"{number}-{part}" for part in range(BURST)]
    kinds = (
        [f'put "{own}/{kind}" v{each}.{kind}' for each in many for kind in ("wav", "mp4")],
        [f'put "{own}/urgent" v{each}.toml; put "{own}/wav" v{each}.wav' for each in many],
        [f'put "{own}/toml" g{each}.toml; put "{own}/bin" g{each}.mp4' for each in many],
        [f'put "{own}/heavy.mp4" h{number}.mp4; put "{own}/wav" h{number}.wav'],
        [f"mkdir b{number}", *(f'put "{own}/mp4" b{number}/{each}.mp4' for each in many)],
        [f'mkdir c{each}; put "{own}/urgent" c{each}/job.toml' for each in many],
        ["mkdir a; mkdir a/b; mkdir a/b/c; deltree a", "rmdir .", "rename . x", "rmdir ../inbox"],
        ["deltree *", "del *"],
        [
            f'del "honest-{each}.wav"; rename "honest-{each}.mp4" x{number}.mp4'
            for each in range(10)
        ],
        [f'put "{own}/bin" r{each}.wav; rename r{each}.wav s{each}.wav' for each in many],
    )
    weights = (6, 3, 3, 2, 2, 2, 1, 0.3, 1, 2)
    return chance.choices(kinds, weights)[0]


def _elsewhere(record: str, name: str, number: int) -> list[str]:
    """Return a client's commands in outbox/, done/ or failed/."""
    taken = [f"honest-{each}" for each in range(10)]
    return [
        f'mkdir f{number}; put "{record}" f{number}/{name}',
        *(f'del "{each}.mp4"; del "{each}.json"; deltree "{each}"' for each in taken),
        *(f'put "{record}" "{each}.mp4"; mkdir "{each}"' for each in taken[::3]),
        f"rename f{number - 1} g{number}; deltree g{number - 3}",
        "rmdir .; rename . other",
    ]


def _hold(client: Client, held: "list[subprocess.Popen[bytes]]", number: int) -> None:
    """Keep uploads open that never end."""
    held.append(client.start_upload(f"inbox/held-{number}.mp4"))
    if len(held) > MAX_HELD:
        oldest = held.pop(0)
        oldest.kill()
        with suppress(OSError):
            oldest.communicate()
