"""Findings about users' own checkpoints: whether they are readable, supported and unchanged."""

import json
import subprocess
import sys
from pathlib import Path

from heygem_daemon.config.engines import AUTO, checkpoint_programs
from heygem_daemon.doctor.check import Check, failed, passed, warned
from heygem_daemon.engines import checkpoints
from heygem_daemon.engines.checkpoints import AddedCheckpoints
from heygem_daemon.errors import WeightsUnavailable

CHILD_TIMEOUT_SECONDS = 300
"""A checkpoint may have a gigabyte and be on a slow disk."""

REPLACE = "Replace it with a good copy, or remove it: jobs with engine 'auto' do without it."
RENAME = "Rename or move it accordingly, or remove it from the folder."


def checkpoint_checks(weights: Path) -> list[Check]:
    """Return one finding for each checkpoint in the folder ``weights``, for each that is gone, and
    for each file that may be meant as one."""
    try:
        record = checkpoints.read_added_checkpoints(weights)
    except WeightsUnavailable as error:
        return [failed("checkpoints", str(error), "Remove the file.")]
    present = checkpoints.find_checkpoints(weights)
    names = {path.name for path in present}
    gone = [entry.name for entry in record.checkpoints if entry.name not in names]
    return [
        *(_check(path, record) for path in present),
        *(warned(f"checkpoint {name}", "was added and is gone", "Add it again.") for name in gone),
        *(
            warned(f"checkpoint {path.name}", checkpoints.describe_unsupported_file(path), RENAME)
            for path in checkpoints.find_unsupported_files(weights)
        ),
    ]


def misplaced_checks(weights: Path, own: Path) -> list[Check]:
    """Return a finding if there are checkpoints among the shipped ``weights``, where nobody uses
    them: those of the user are in the folder ``own``. Where both are one folder, they are used."""
    if own.resolve() == weights.resolve():
        return []
    names = ", ".join(path.name for path in checkpoints.find_checkpoints(weights))
    if not names:
        return []
    detail = f"{names}: in the program's own folder {weights}, where it is not used"
    return [warned("checkpoints", detail, f"Move it to {own}, as the setting checkpoints says.")]


def needed_checkpoint_check(engine: str, folder: Path, examined: list[Check] | None) -> list[Check]:
    """Return a failure if the setting ``engine`` needs a checkpoint and ``folder`` has none that
    can be used. ``examined``: the findings of ``checkpoint_checks``; None: no file was read as a
    whole, so one counts whose size and first bytes are right."""
    if engine not in checkpoint_programs():
        return []
    name, remedy = "engine", f"Add one: heygem-daemon weights add FILE; or set engine to '{AUTO}'."
    present = checkpoints.find_checkpoints(folder)
    if not present:
        detail = f"'{engine}' needs a checkpoint, and {folder} has none: jobs wait"
        return [failed(name, detail, remedy)]
    if examined is None:
        faults = [(path.name, checkpoints.find_obvious_fault(path)) for path in present]
        if all(fault is not None for _, fault in faults):
            file, fault = faults[0]
            return [failed(name, f"'{engine}' needs a checkpoint; {file} {fault}", remedy)]
    elif all(check.verdict != "pass" for check in examined):
        return [failed(name, f"'{engine}' can use no checkpoint in {folder}: jobs wait", remedy)]
    return []


def inspect_checkpoint(path: Path, convert_to: Path | None = None) -> dict[str, object]:
    """Examine a checkpoint in a child process, for each engine that uses checkpoints.

    Returns ``engine`` (the first that can use it), ``layout`` and ``values``; or ``problem``.
    ``convert_to``: also write the weights to this file, as safetensors.
    """
    problems = []
    for engine, program in checkpoint_programs().items():
        found = _run_program(program, path, convert_to)
        if "problem" not in found:
            return {"engine": engine, **found}
        problems.append(str(found["problem"]))
    return {"problem": " ".join(problems)}


def _run_program(program: str, path: Path, convert_to: Path | None) -> dict[str, object]:
    """Return what ``EngineSpec.checkpoint_program`` prints, or a ``problem`` if it fails."""
    conversion = ["--convert", str(convert_to)] if convert_to else []
    command = [sys.executable, "-m", program, *conversion, "--", str(path)]
    try:
        child = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CHILD_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"problem": f"{path} could not be read within {CHILD_TIMEOUT_SECONDS} s"}
    lines = child.stdout.splitlines()
    if child.returncode != 0 or not lines:
        return {"problem": f"{path}: reading it ended with status {child.returncode}"}
    answer = json.loads(lines[-1])
    return answer if isinstance(answer, dict) else {"problem": f"{path}: no answer"}


def _check(path: Path, record: AddedCheckpoints) -> Check:
    name = f"checkpoint {path.name}"
    found = inspect_checkpoint(path)
    if "problem" in found:
        return warned(name, str(found["problem"]), REPLACE)
    entry = record.find(path.name)
    if entry is None:
        return passed(name, f"{found['layout']}, not recorded ('weights add' records its hash)")
    if checkpoints.checkpoint_sha256(path) != entry.sha256:
        return warned(name, f"{found['layout']}, differs from what was added", "Add it again.")
    return passed(name, f"{found['layout']}, as added")
