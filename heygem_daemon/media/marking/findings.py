"""What is known of the marks of a file."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """One AIGC record in a file."""

    place: str
    """Where it stands: 'AIGC', 'comment' or 'XMP'."""
    label: str
    """'1': generated, '2': may be, '3': is suspected to be."""
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
    def is_marked(self) -> bool:
        """Whether anything says that the file is synthetic."""
        return bool(self.marks or self.source_type or self.manifest)

    @property
    def was_changed(self) -> bool:
        """Whether a checksum or a signature does not fit."""
        signed = self.manifest is not None and self.manifest.state == "invalid"
        return signed or any(mark.unchanged is False for mark in self.marks)
