"""``weights list``, ``verify`` and ``add``: manage the checkpoints that users add."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from heygem_daemon.cli.output import (
    JSON_OPTION,
    ExitStatus,
    own_language,
    print_json,
    print_table,
    say,
    size,
)
from heygem_daemon.config.engines import AUTO, checkpoint_programs
from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor.check import check_line
from heygem_daemon.doctor.checkpoints import checkpoint_checks, inspect_checkpoint
from heygem_daemon.doctor.weights import weights_checks
from heygem_daemon.engines import checkpoints
from heygem_daemon.engines.checkpoints import DEFAULT_LICENCE, AddedCheckpoints, CheckpointEntry
from heygem_daemon.engines.shipped_weights import MANIFEST, read_manifest
from heygem_daemon.errors import BadInput, WeightsUnavailable
from heygem_daemon.spool.names import printable
from heygem_daemon.system.installation import shipped_weights

LICENCE_NOTICE = (
    "Licence: {licence}.\n"
    "Whether you may use these weights for your purpose is between you and their author."
)


def list_weights(settings: Settings, as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """List the shipped weights and your checkpoints: engine, size, hash, licence."""
    rows = [*_shipped(shipped_weights()), *_added(settings.checkpoints)]
    for path in checkpoints.find_unsupported_files(settings.checkpoints):
        say(printable(checkpoints.describe_unsupported_file(path)), err=True)
    if as_json:
        print_json(
            {"folder": shipped_weights(), "checkpoints": settings.checkpoints, "weights": rows}
        )
        return
    translate = own_language()
    print_table(
        f"Weights in {shipped_weights()} and {settings.checkpoints}",
        ("name", "engine", "size", "sha256", "state", "licence"),
        (
            (
                row["name"],
                row["engine"],
                size(int(str(row["size"]))),
                str(row["sha256"])[:12],
                translate(str(row["state"])),
                row["licence"],
            )
            for row in rows
        ),
    )


def verify(settings: Settings, as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """Check that every weights file is complete, of a known layout, and as recorded.

    Exit status 1 if one is not.
    """
    checks = [*weights_checks(shipped_weights()), *checkpoint_checks(settings.checkpoints)]
    sound = all(check.verdict == "pass" for check in checks)
    if as_json:
        print_json({"sound": sound, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            typer.echo(check_line(check, own_language()))
    raise typer.Exit(ExitStatus.DONE if sound else ExitStatus.FAILED)


def add(
    settings: Settings,
    file: Annotated[Path, typer.Argument(help="A checkpoint: .pth, .pt or .safetensors.")],
    convert: Annotated[
        bool, typer.Option("--convert", help="Store it as safetensors, which cannot contain code.")
    ] = False,
    licence: Annotated[
        str, typer.Option("--licence", help="What its author allows; kept in the record.")
    ] = DEFAULT_LICENCE,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Check a checkpoint, put it into the folder of checkpoints and record its hash."""
    if not checkpoints.has_checkpoint_suffix(file):
        kinds = ", ".join(checkpoints.CHECKPOINT_SUFFIXES)
        raise BadInput(f"{printable(str(file))} is not named like a checkpoint ({kinds}).")
    target = settings.checkpoints / (f"{file.stem}.safetensors" if convert else file.name)
    if convert and target.exists():
        raise BadInput(f"{printable(str(target))} exists already: remove or rename it first.")
    record = checkpoints.read_added_checkpoints(settings.checkpoints)
    checkpoints.make_folder(settings.checkpoints)
    found = inspect_checkpoint(file.absolute(), target if convert else None)
    if "problem" in found:
        raise BadInput(printable(str(found["problem"])))
    if not convert:
        checkpoints.copy_checkpoint(file, target)
    entry = CheckpointEntry(
        name=target.name,
        engine=str(found["engine"]),
        layout=str(found["layout"]),
        sha256=checkpoints.checkpoint_sha256(target),
        size=target.stat().st_size,
        licence=licence,
        origin=file.name,
    )
    checkpoints.write_added_checkpoints(settings.checkpoints, record.with_entry(entry))
    if as_json:
        print_json(entry.model_dump())
        return
    say(f"Added {entry.name} ({entry.layout}, {size(entry.size)}, sha256 {entry.sha256}).")
    say(LICENCE_NOTICE.format(licence=entry.licence))
    say(f"A running daemon uses it from its next job on, if 'engine' is {AUTO} or {entry.engine}.")


def _shipped(weights: Path) -> Iterator[dict[str, object]]:
    try:
        shipped = read_manifest(weights / MANIFEST)
    except (OSError, ValueError) as error:
        say(f"{weights / MANIFEST} cannot be used: {error}", err=True)
        return
    for name, entry in shipped.items():
        yield {
            "name": name,
            "engine": name.split("/", maxsplit=1)[0],
            "size": entry.get("bytes", 0),
            "sha256": entry["sha256"],
            "state": "shipped",
            "licence": entry.get("licence", ""),
        }


def _added(weights: Path) -> Iterator[dict[str, object]]:
    record = _read_record(weights)
    for path in checkpoints.find_checkpoints(weights):
        sha256 = checkpoints.checkpoint_sha256(path)
        entry = record.find(path.name)
        yield {
            "name": printable(path.name),
            "engine": entry.engine if entry else " or ".join(checkpoint_programs()),
            "size": path.stat().st_size,
            "sha256": sha256,
            "state": _state(entry, sha256),
            "licence": entry.licence if entry else DEFAULT_LICENCE,
        }


def _read_record(weights: Path) -> AddedCheckpoints:
    try:
        return checkpoints.read_added_checkpoints(weights)
    except WeightsUnavailable as error:
        say(str(error), err=True)
        return AddedCheckpoints()


def _state(entry: CheckpointEntry | None, sha256: str) -> str:
    if entry is None:
        return "dropped in, not recorded"
    return f"added, {entry.layout}" if entry.sha256 == sha256 else "changed since it was added"
