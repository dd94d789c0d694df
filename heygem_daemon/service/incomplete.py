"""What in an inbox is not complete, or waits for somebody to act, and can be cancelled. Pure."""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from heygem_daemon.config.sidecar import SidecarAnswer
from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.pair_candidates import pair_candidate
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.names import pair_key, safe_name, split_extension
from heygem_daemon.spool.pairing import Pairing
from heygem_daemon.spool.settle import SettleResult


@dataclass(frozen=True, slots=True)
class Incomplete:
    """What one scan of an inbox found of this. Only what a request names is looked at: there may be
    thousands of files without a partner."""

    snapshot: FolderSnapshot
    settling: SettleResult
    unexamined: tuple[FileEntry, ...]
    """The settled files of which it is not known what they hold."""

    pairing: Pairing
    answers: Mapping[Path, SidecarAnswer]
    """What the sidecars hold."""

    def find(self, is_wanted: Callable[[str], bool]) -> Iterator[Candidate]:
        """Yield what cannot be claimed yet, each with its owner's sidecar: pairs that wait for a
        check, look incomplete or came too far apart; then single files, without a partner or with
        several. ``is_wanted`` returns whether a folded name is asked for."""
        still = self.settling.settled | self.settling.doubtful
        yield from self._pairs(still, is_wanted)
        examined = self.settling.without(self.unexamined).settled
        pairing = self.pairing
        groups = chain(pairing.ambiguous_groups, pairing.mixed_groups, pairing.crowds)
        single = chain(pairing.lone_files, pairing.thumbnails)
        sidecars = self._sidecars()
        lone = chain(
            (each for each in single if each.path in still),
            (each for each in chain.from_iterable(groups) if each.path in examined),
        )
        for entry in lone:
            key = pair_key(entry.path.name)
            if entry.kind and is_wanted(key):
                yield _alone(entry, sidecars.pop((entry.owner, key), None), self.answers)

    def _pairs(self, still: Set[Path], is_wanted: Callable[[str], bool]) -> Iterator[Candidate]:
        wanted = [each for each in self.pairing.pairs if is_wanted(pair_key(each.video.name))]
        entries = {each.path: each for each in self.snapshot.entries} if wanted else {}
        for pair in wanted:
            is_read = pair.sidecar is None or pair.sidecar in self.answers
            if is_read and pair.files <= still:
                answer = self.answers[pair.sidecar] if pair.sidecar else None
                yield pair_candidate(pair, entries[pair.audio], entries[pair.video], answer)

    def _sidecars(self) -> dict[tuple[int, str], Path]:
        """Return the first sidecar of each owner and folded name that is settled and read."""
        found: dict[tuple[int, str], Path] = {}
        for each in self.pairing.lone_sidecars:
            if each.path in self.settling.settled and each.path in self.answers:
                found.setdefault((each.owner, pair_key(each.path.name)), each.path)
        return found


def _alone(
    entry: FileEntry, sidecar: Path | None, answers: Mapping[Path, SidecarAnswer]
) -> Candidate:
    name = safe_name(split_extension(entry.path.name)[0])
    own = {sidecar.name: answers[sidecar]} if sidecar else {}
    pair = Pair(name, entry.path, entry.path, sidecar)
    return Candidate(name, pair, 0, entry.ctime_ns, entry.owner, own)
