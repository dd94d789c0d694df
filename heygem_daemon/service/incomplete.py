"""What in an inbox waits for somebody to act, and can be cancelled all the same. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from heygem_daemon.config.sidecar import SidecarAnswer
from heygem_daemon.service.candidates import Candidate
from heygem_daemon.spool.inbox import FileEntry
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.names import pair_key, safe_name, split_extension
from heygem_daemon.spool.pairing import Pairing
from heygem_daemon.spool.settle import SettleResult


@dataclass(frozen=True, slots=True)
class Incomplete:
    """What one scan of an inbox found of this. Only what a request names is looked at: there may be
    thousands of files without a partner."""

    settling: SettleResult
    pairing: Pairing
    answers: Mapping[Path, SidecarAnswer]
    """What the sidecars hold."""

    late: tuple[Candidate, ...] = ()
    """Pairs whose halves came too far apart."""

    def find(self, is_wanted: Callable[[str], bool]) -> Iterator[Candidate]:
        """Yield the late pairs, and the settled files without a partner and those that fit together
        in no clear way, each alone, but with the sidecar of its owner. ``is_wanted`` says of a
        folded name whether it is asked for."""
        yield from (each for each in self.late if is_wanted(pair_key(_path(each).name)))
        pairing = self.pairing
        groups = chain(pairing.ambiguous_groups, pairing.mixed_groups, pairing.crowds)
        single = chain(pairing.lone_files, pairing.thumbnails)
        sidecars = self._sidecars()
        for entry in chain(single, chain.from_iterable(groups)):
            key = pair_key(entry.path.name)
            if entry.kind and entry.path in self.settling.settled and is_wanted(key):
                yield _alone(entry, sidecars.pop((entry.owner, key), None), self.answers)

    def _sidecars(self) -> dict[tuple[int, str], Path]:
        """Return the first sidecar of each owner and folded name that is settled and read."""
        found: dict[tuple[int, str], Path] = {}
        for each in self.pairing.lone_sidecars:
            if each.path in self.settling.settled and each.path in self.answers:
                found.setdefault((each.owner, pair_key(each.path.name)), each.path)
        return found


def _path(candidate: Candidate) -> Path:
    assert isinstance(candidate.source, Pair)
    return candidate.source.video


def _alone(
    entry: FileEntry, sidecar: Path | None, answers: Mapping[Path, SidecarAnswer]
) -> Candidate:
    name = safe_name(split_extension(entry.path.name)[0])
    own = {sidecar.name: answers[sidecar]} if sidecar else {}
    pair = Pair(name, entry.path, entry.path, sidecar)
    return Candidate(name, pair, 0, entry.ctime_ns, entry.owner, own)
