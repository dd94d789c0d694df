"""The mistakes in sidecars of what waits in the inbox, told before its turn comes. Pure.

What waits keeps its place: who corrects the file in time loses nothing.
"""

from collections.abc import Iterable, Iterator

from heygem_daemon.config.job_options import OWN_SOUND
from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.notices import InboxNotice
from heygem_daemon.spool.claim import refuse_two_sounds
from heygem_daemon.spool.job import Journal, Pair
from heygem_daemon.spool.names import printable

CORRECT_IN_TIME = (
    "The job keeps its place and fails at its turn, unless the file is corrected before."
)


def find_mistakes(candidates: Iterable[Candidate]) -> Iterator[InboxNotice]:
    """Yield a notice for each wrong sidecar of the candidates, with the reason and the remedy that
    ``reason.txt`` would have."""
    for each in candidates:
        folder = "" if isinstance(each.source, Pair) else f"{each.name}/"
        for name, answer in each.answers.items():
            reason, remedy = answer.refusal, answer.remedy
            if not reason and answer.options.audio == OWN_SOUND:
                reason, remedy = _two_sounds(each)
            if reason:
                notice = InboxNotice(
                    f"{folder}{printable(name)}", reason, True, remedy=_in_time(remedy)
                )
                hot_folder = each.hot_folder.name
                yield notice.in_folder(hot_folder) if hot_folder else notice


def is_mistaken(candidate: Candidate) -> bool:
    """Return whether a pair fails at its turn as its sidecar is now. Of a folder others may not."""
    return isinstance(candidate.source, Pair) and any(find_mistakes([candidate]))


def queued_mistake(journal: Journal) -> str:
    """Return what is said of a claimed job whose sidecar is wrong; empty: it is in order. A member
    of a batch takes no other sidecar any more."""
    if not journal.refusal or journal.member is not None:
        return ""
    return " ".join([journal.refusal, _in_time(journal.remedy)])


def _in_time(remedy: str) -> str:
    return " ".join(filter(None, (remedy, CORRECT_IN_TIME)))


def _two_sounds(candidate: Candidate) -> tuple[str, str]:
    """Return the refusal and the remedy of a pair whose sidecar asks for the sound of the video."""
    source = candidate.source
    if not isinstance(source, Pair) or source.audio == source.video:
        return "", ""
    fields = refuse_two_sounds(source)
    return fields["refusal"], fields["remedy"]
