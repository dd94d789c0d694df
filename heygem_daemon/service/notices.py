"""What the inbox holds beside what may be claimed, and what each of it waits for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from heygem_daemon.report.backlog import WaitFor
from heygem_daemon.spool.batch.roster import MAX_SHOWN_NAMES, format_names
from heygem_daemon.spool.formats import media_kind, unreadable_format
from heygem_daemon.spool.inbox import MAX_ENTRIES, FileEntry, FolderSnapshot
from heygem_daemon.spool.names import is_sidecar, printable
from heygem_daemon.spool.pairing import MAX_OF_NAME, Pairing
from heygem_daemon.spool.request_names import NO_NAME, is_request, request_meant
from heygem_daemon.spool.roles import FindContent, describe_conflict
from heygem_daemon.spool.settle import SettleResult


@dataclass(frozen=True, slots=True)
class InboxNotice:
    """Something in the inbox that waits."""

    name: str
    reason: str

    is_warning: bool = False
    """Whether a person has to act, so that the log warns of it."""

    waits_for: WaitFor | None = "upload"
    """What it waits for, if nobody has to act; None: for nothing, it is left alone."""

    remedy: str = ""
    """What a person can do about it, where that is known for this case."""

    folder: str = ""
    """The hot folder in whose inbox it is; empty: the plain inbox."""

    owner: int | None = field(default=None, compare=False)
    """User id of who dropped it; None: not known."""

    def in_folder(self, folder: str) -> "InboxNotice":
        """Return the notice with the name of a hot folder and a slash before its own."""
        return replace(self, name=f"{folder}/{self.name}", folder=folder)

    def renamed(self, name: str) -> "InboxNotice":
        """Return the notice under another name."""
        return replace(self, name=name)

    @property
    def awaited(self) -> WaitFor | None:
        """What it waits for; None: for nothing."""
        return "attention" if self.is_warning else self.waits_for


def with_owners(notices: Iterable[InboxNotice], snapshot: FolderSnapshot) -> Iterator[InboxNotice]:
    """Yield notices with who dropped their files, as far as ``snapshot`` knows them."""
    owners = {printable(name): entry.owner for name, entry in snapshot.by_name().items()}
    for each in notices:
        owner = owners.get(each.name)
        yield each if owner is None else replace(each, owner=owner)


BEING_EXAMINED = "what it holds is being examined"
"""Why a settled file waits for the media probe."""

BEING_COMPARED = "has the name of other files, whose contents are still being examined"
"""Why a settled file waits whose own content is known."""

BEING_READ = "its options are being read"
"""Why a sidecar waits."""

REQUEST_FOLDER = (
    "is a folder, and no request: delete it, and put an empty file of this name there, such as a"
    " text file that you rename"
)
"""What the status says of a folder with the name of a request."""

REQUESTS_OFF = (
    "is not carried out: requests in the share are turned off here (share_requests = false). Delete"
    " this file, and ask the operator"
)
"""What the status says of a request where none is heeded."""

THUMBNAIL = "not used: photographs beside a video of the same name are taken for its thumbnail"
"""What the status says of a photograph that is not used."""

THUMBNAIL_REMEDY = (
    "A photograph that is to speak in place of the video needs a name of its own, and a sound of"
    " that name."
)


REPLACE_REMEDY = "Rename, replace or delete it in the inbox."
"""What people can do about a file with which nothing can be done."""


def find_inbox_notices(
    snapshot: FolderSnapshot,
    settling: SettleResult,
    pairing: Pairing,
    find_content: FindContent,
    unexamined: Iterable[FileEntry],
    *,
    heeds_requests: bool = True,
) -> Iterator[InboxNotice]:
    """Yield a notice for each file that is in no settled pair, but for those that lack a partner,
    and those that are no input.

    ``unexamined``: the settled files that are being examined; ``heeds_requests``: whether requests
    are carried out.
    """
    if snapshot.left_out:
        yield InboxNotice("inbox", crowded_reason(), True)
    yield from _waiting_notices(settling, pairing, heeds_requests=heeds_requests)
    for entry in pairing.thumbnails:
        name = printable(entry.path.name)
        yield InboxNotice(name, THUMBNAIL, waits_for=None, remedy=THUMBNAIL_REMEDY)
    beside = {entry.path for entry in pairing.thumbnails}
    for entry in unexamined:
        if entry.path not in beside:
            yield InboxNotice(printable(entry.path.name), BEING_EXAMINED, waits_for="look")
    yield from _ambiguity_notices(settling, pairing, find_content)
    for crowd in pairing.crowds:
        names = [entry.path.name for entry in crowd]
        yield from name_each(names, _crowd_reason(names))
    for entry in pairing.faulty:
        reason = "cannot be paired; the log says why"
        yield InboxNotice(printable(entry.path.name), reason, True, remedy=REPLACE_REMEDY)
    for name in snapshot.faulty:
        reason = "cannot be examined; the log says why"
        yield InboxNotice(printable(name), reason, True, remedy=REPLACE_REMEDY)


def told_of_folder(notice: InboxNotice) -> InboxNotice:
    """Return the notice of a folder that is no batch; one with the name of a request, as people
    make it where empty files are hard to make, says what a request is."""
    if not is_request(notice.name):
        return notice
    return InboxNotice(notice.name, REQUEST_FOLDER, True)


def crowded_reason() -> str:
    """Return what is said of an inbox with more names than a scan takes in. It gives no number, so
    that it is logged once."""
    return (
        f"holds more than {MAX_ENTRIES} names: only a part of them is looked at, of each owner in"
        " turn, and new files are found late. Delete what nobody needs"
    )


def _crowd_reason(names: Sequence[str]) -> str:
    return (
        f"cannot be paired: more than {MAX_OF_NAME} files of one person share this name"
        f" ({format_names(names)}); rename them"
    )


def _shared_name_reason(conflict: str, names: Sequence[str]) -> str:
    shared = f"cannot be paired: these files share one name ({format_names(names)})"
    return f"{shared}; {conflict}"


def no_request_reason(meant: str) -> str:
    """Return what is said of a file that was probably meant to be the request ``meant``."""
    name, _, verb = meant.rpartition(".")
    if name == NO_NAME:
        return (
            f"is no request: it names no job. Put the name of the job before .{verb}, or delete it"
        )
    return f"is no request; did you mean {printable(meant)}? Rename it so, or delete it"


def name_each(names: Sequence[str], reason: str) -> Iterator[InboxNotice]:
    """Yield a warning for each of the first few files of a group, and one for the rest. One reason
    for all, so that the page can say it once."""
    for number, name in enumerate(names[: MAX_SHOWN_NAMES + 1]):
        more = len(names) - MAX_SHOWN_NAMES if number == MAX_SHOWN_NAMES else 0
        shown = f"{printable(name)} ({more} such files)" if more else printable(name)
        yield InboxNotice(shown, reason, True)


def unusable_reason(name: str) -> str | None:
    """Return why what has this name, and is no media file or sidecar, cannot be used; None for what
    is no medium at all."""
    if media_kind(name) or is_sidecar(name):
        return "is a link, a pipe or a device, not a file"
    return unreadable_format(name)


def _waiting_notices(
    settling: SettleResult, pairing: Pairing, *, heeds_requests: bool
) -> Iterator[InboxNotice]:
    alone = {entry.path for entry in pairing.lone_sidecars}
    for path, reason in settling.waiting_reasons.items():
        meant = request_meant(path.name) if path in alone else None
        if meant is None:
            kind: WaitFor = "look" if path in settling.unseen else "upload"
            yield InboxNotice(printable(path.name), reason, waits_for=kind)
        else:
            told = no_request_reason(meant) if heeds_requests else REQUESTS_OFF
            yield InboxNotice(printable(path.name), told, True)


def _ambiguity_notices(
    settling: SettleResult, pairing: Pairing, find_content: FindContent
) -> Iterator[InboxNotice]:
    """Yield notices for the files of which several have one name. A group that may still prove to
    be clear is no reason for a warning; what of it waits for a reason of its own is named
    elsewhere."""
    unknown = set(pairing.unexamined)
    for group in pairing.ambiguous_groups:
        known = [
            each
            for each in group
            if each not in unknown and each.path not in settling.waiting_reasons
        ]
        if len(known) < len(group):
            for entry in known:
                yield InboxNotice(printable(entry.path.name), BEING_COMPARED, waits_for="look")
            continue
        names = [entry.path.name for entry in group]
        conflict = describe_conflict(group, find_content)
        yield from name_each(names, _shared_name_reason(conflict, names))
