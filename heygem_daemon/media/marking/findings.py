"""What is known of the marks of a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from heygem_daemon.media.marking.record import GENERATED, POSSIBLE, SUSPECTED
from heygem_daemon.media.marking.source_types import says_synthetic

Claim = Literal["synthetic", "possible", "suspected"]
"""synthetic: the file says so of itself; possible: whoever uploaded it to a platform said so;
suspected: a platform found traces of it."""

CLAIM_OF_LABEL: dict[str, Claim] = {
    GENERATED: "synthetic",
    POSSIBLE: "possible",
    SUSPECTED: "suspected",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """One AIGC record in a file."""

    place: str
    """Where it stands: 'AIGC', 'comment' or 'XMP'."""
    label: str
    """'1': generated, '2': may be, '3': is suspected to be; a stranger's may say anything."""
    producer: str
    """Who is named as the producer."""
    produce_id: str
    """The producer's number for the file."""
    unchanged: bool | None
    """Whether pictures, sound and record are those for which its checksum was made; None: it has
    no checksum of this program."""


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """The C2PA manifest of a file."""

    state: str
    """'valid', 'trusted' or 'invalid'; 'unread': the package to read it is not installed."""
    signer: str = ""
    """Name and organisation in the certificate. No list of trusted authorities was asked."""
    signed_at: str = ""
    """By a time-stamp server; empty: not stamped."""
    actions: tuple[str, ...] = ()
    """What was done to the source, such as 'c2pa.edited'."""
    source_types: tuple[str, ...] = ()
    """Digital source types of these actions, and of those that led to what was opened; URIs."""
    problems: tuple[str, ...] = ()
    """Codes of the C2PA specification for what is wrong."""


@dataclass(frozen=True, slots=True)
class Findings:
    """The marks of a file."""

    marks: tuple[Mark, ...]
    source_type: str | None
    """IPTC's digital source type, a URI; None: not given."""
    manifest: SignedManifest | None = None
    """None: there is no C2PA manifest."""

    @property
    def source_types(self) -> tuple[str, ...]:
        """All digital source types in the file."""
        signed = self.manifest.source_types if self.manifest else ()
        return (self.source_type, *signed) if self.source_type is not None else signed

    @property
    def claim(self) -> Claim | None:
        """What the file says of itself, the strongest of all; None: not that it is synthetic. A
        camera's record of its recording, signed or not, is no such statement."""
        claims = set(self._claims())
        return next((each for each in CLAIM_OF_LABEL.values() if each in claims), None)

    @property
    def is_marked(self) -> bool:
        """Whether anything says that the file is synthetic."""
        return self.claim == "synthetic"

    @property
    def was_changed(self) -> bool | None:
        """Whether a checksum or a signature does not fit; None: none can be checked."""
        states = [mark.unchanged for mark in self.marks]
        if self.manifest is not None and self.manifest.state != "unread":
            states.append(self.manifest.state != "invalid")
        if False in states:
            return True
        return False if True in states else None

    def _claims(self) -> Iterator[Claim | None]:
        for each in self.source_types:
            yield "synthetic" if says_synthetic(each) else None
        for mark in self.marks:
            yield CLAIM_OF_LABEL.get(mark.label)
