"""``verify``: says whether and how a file is marked as synthetic media, by whom, and whether it was
changed since."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from heygem_daemon.cli.output import JSON_OPTION, ExitStatus, print_result
from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor.child import ProbeFailure, run_probe
from heygem_daemon.errors import BadInput
from heygem_daemon.media.marking.findings import Claim, Findings, Mark, SignedManifest
from heygem_daemon.media.marking.record import GENERATED, POSSIBLE, SUSPECTED
from heygem_daemon.system.installation import find_installation
from heygem_daemon.system.log_lines import escape_line

PROGRAM = ("-m", "heygem_daemon.media.marking.inspect")
MAX_SECONDS = 3600.0
"""A file of many gigabytes is read from end to end."""

CLAIMS: dict[Claim | None, str] = {
    "synthetic": "marked as synthetic media",
    "possible": "marked as media that may be synthetic: whoever uploaded it said so",
    "suspected": "marked as media that is suspected to be synthetic: a platform found traces of it",
    None: "not marked as synthetic media",
}
LABELS = {GENERATED: "is generated", POSSIBLE: "may be generated", SUSPECTED: "is suspected"}
UNKNOWN_LABEL = "is not of the standard"
NO_SYNTHETIC_SOURCE = "this source type does not mean synthetic media"
CHANGES: dict[bool | None, str] = {
    True: "CHANGED: pictures, sound or record are not those that were marked or signed",
    False: "unchanged: pictures, sound and record are those that were marked or signed",
    None: "whether it was changed is unknown: it has no checksum of this program",
}


def verify(
    _settings: Settings,
    file: Annotated[Path, typer.Argument(help="A video, or a before/after picture.")],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Say whether and how a file is marked as synthetic media, by whom, and whether it was changed.

    Exit status 0: marked and not changed; 1: not marked, changed, not known whether it was changed,
    or not readable.
    """
    findings = run_probe((*PROGRAM, str(file.absolute())), Findings, MAX_SECONDS)
    if isinstance(findings, ProbeFailure):
        raise BadInput(findings.reason)
    value = {
        "marked": findings.is_marked,
        "claim": findings.claim,
        "changed": findings.was_changed,
        **asdict(findings),
    }
    print_result(as_json, value, "\n".join(map(escape_line, describe(findings))))
    is_good = findings.is_marked and findings.was_changed is False
    raise typer.Exit(ExitStatus.DONE if is_good else ExitStatus.FAILED)


def describe(findings: Findings) -> list[str]:
    """Return the findings as lines for people."""
    lines = [CLAIMS[findings.claim]]
    if findings.source_type is not None:
        lines.append(f"digital source type: {findings.source_type}")
    lines += [_describe_mark(mark) for mark in findings.marks]
    if findings.claim is not None or findings.manifest is not None:
        lines += _describe_manifest(findings.manifest)
    if findings.claim is None and findings.source_types:
        lines.append(NO_SYNTHETIC_SOURCE)
    if len(lines) > 1:
        lines.append(CHANGES[findings.was_changed])
    return lines


def _describe_mark(mark: Mark) -> str:
    place, label, producer, number = mark.place, mark.label, mark.producer, mark.produce_id
    meaning = LABELS.get(label, UNKNOWN_LABEL)
    return f"{place}: label {label} ({meaning}), by {producer}, number {number}"


def _describe_manifest(manifest: SignedManifest | None) -> list[str]:
    if manifest is None:
        return ["C2PA: not signed"]
    if manifest.state == "unread":
        return [f"C2PA: signed; to check it, {find_installation().add_extra('c2pa')}"]
    when = f", signed at {manifest.signed_at}" if manifest.signed_at else ", without a time stamp"
    lines = [f"C2PA: signature {manifest.state}, by {manifest.signer or 'nobody'}{when}"]
    if manifest.actions:
        lines.append(f"C2PA: {', '.join(manifest.actions)}")
    lines += [f"C2PA: digital source type: {each}" for each in manifest.source_types]
    if manifest.problems:
        lines.append(f"C2PA: {', '.join(manifest.problems)}")
    return lines
