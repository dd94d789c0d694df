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
from heygem_daemon.media.marking.findings import Findings, Mark, SignedManifest
from heygem_daemon.system.installation import find_installation
from heygem_daemon.system.log_lines import escape_line

PROGRAM = ("-m", "heygem_daemon.media.marking.inspect")
MAX_SECONDS = 3600.0
"""A file of many gigabytes is read from end to end."""


def verify(
    _settings: Settings,
    file: Annotated[Path, typer.Argument(help="A video, or a before/after picture.")],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Say whether and how a file is marked as synthetic media, by whom, and whether it was changed.

    Exit status 0: marked and not changed; 1: not marked, changed, or not readable.
    """
    findings = run_probe((*PROGRAM, str(file.absolute())), Findings, MAX_SECONDS)
    if isinstance(findings, ProbeFailure):
        raise BadInput(findings.reason)
    value = {"marked": findings.is_marked, "changed": findings.was_changed, **asdict(findings)}
    print_result(as_json, value, "\n".join(map(escape_line, describe(findings))))
    is_good = findings.is_marked and not findings.was_changed
    raise typer.Exit(ExitStatus.DONE if is_good else ExitStatus.FAILED)


def describe(findings: Findings) -> list[str]:
    """Return the findings as lines for people."""
    if not findings.is_marked:
        return ["not marked as synthetic media"]
    lines = ["marked as synthetic media"]
    if findings.source_type is not None:
        lines.append(f"digital source type: {findings.source_type}")
    lines += [_describe_mark(mark) for mark in findings.marks]
    lines += _describe_manifest(findings.manifest)
    if findings.was_changed:
        lines.append("CHANGED: pictures, sound or record are not those that were marked")
    elif _is_proved(findings):
        lines.append("unchanged: pictures, sound and record are those that were marked")
    else:
        lines.append("whether it was changed is unknown: it has no checksum of this program")
    return lines


def _describe_mark(mark: Mark) -> str:
    return f"{mark.place}: label {mark.label}, by {mark.producer}, number {mark.produce_id}"


def _is_proved(findings: Findings) -> bool:
    """Whether a checksum or a signature fits."""
    is_signed = findings.manifest is not None and findings.manifest.state in ("valid", "trusted")
    return is_signed or any(mark.unchanged for mark in findings.marks)


def _describe_manifest(manifest: SignedManifest | None) -> list[str]:
    if manifest is None:
        return ["C2PA: not signed"]
    if manifest.state == "unread":
        return [f"C2PA: signed; to check it, {find_installation().add_extra('c2pa')}"]
    when = f" at {manifest.signed_at}" if manifest.signed_at else ", without a time stamp"
    lines = [f"C2PA: signature {manifest.state}, by {manifest.signer or 'nobody'}{when}"]
    if manifest.actions:
        lines.append(f"C2PA: {', '.join(manifest.actions)}")
    if manifest.problems:
        lines.append(f"C2PA: {', '.join(manifest.problems)}")
    return lines
