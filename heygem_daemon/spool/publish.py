"""The two ends of a job: published or failed.

Both go the same way. The outcome and the name are written to the journal first; then the job's
folder is put in order; then it becomes done/<name> or failed/<name> in one rename. Every step
can be repeated, so that a start after a crash simply runs them again.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.spool.batch.members import detach_failed_member
from heygem_daemon.spool.claim import move_all
from heygem_daemon.spool.files import FileOperations, is_file, is_folder, sync_file
from heygem_daemon.spool.job import (
    JOURNAL_FILE,
    STAGE_FOLDER,
    WORKSPACE_FOLDER,
    Job,
    Journal,
    PublishedFile,
)
from heygem_daemon.spool.layout import (
    SpoolLayout,
    job_from_journal,
    load_journal,
    names_in,
    save_journal,
)
from heygem_daemon.spool.names import fold, free_name, split_extension
from heygem_daemon.spool.reason import REASON_FILE, reason_text

_STAGED_STEM = "result"
_PUBLISHED_SUFFIXES = (".json", ".png", ".mp4")
"""In this order: who sees the mp4 finds its report."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a worker made, below the job's folder or on a scratch disk."""

    result: Path
    report: Mapping[str, object]
    strip: Path | None


def publish_job(
    layout: SpoolLayout,
    files: FileOperations,
    job: Job,
    outputs: Outputs,
    now: float,
) -> Journal:
    """Publish ``outputs`` of ``job``; gives the final journal."""
    journal = load_journal(job.folder) or job.journal
    if journal.outcome != "published":
        _stage_outputs(files, job.folder / STAGE_FOLDER, outputs)
        journal = _record_published(layout, files, job.folder, journal, now)
    return finish_published(layout, files, job.folder, journal)


def finish_published(
    layout: SpoolLayout, files: FileOperations, folder: Path, journal: Journal
) -> Journal:
    """Make the moves of a job whose journal says that it is published."""
    while True:
        moves = _outbox_moves(layout, folder, journal)
        waiting = [move for move in moves if os.path.lexists(move[0])]
        if move_all(files, waiting) and _move_to_final_folder(
            files, folder, layout.final_folder(journal), journal
        ):
            return journal
        # Someone put a file of that name there since it was chosen: take ours back, if still
        # ours to see, and choose again.
        files.make_folder(folder / STAGE_FOLDER)
        for file, (staged, target) in zip(journal.published, moves, strict=True):
            if not os.path.lexists(staged) and is_unchanged_output(file, target):
                files.move(target, staged)
        journal = _record_published(layout, files, folder, journal, journal.completed_at or 0.0)


def fail_job(
    layout: SpoolLayout, files: FileOperations, job: Job, reason: str, remedy: str, now: float
) -> tuple[Journal, Path]:
    """Give ``job`` up; gives its final journal and folder."""
    journal = load_journal(job.folder) or job.journal
    if journal.outcome != "failed":
        journal = journal.model_copy(
            update={
                "outcome": "failed",
                "completed_at": now,
                "reason": reason,
                "remedy": remedy,
            }
        )
        journal = _record_failed(layout, files, job.folder, journal)
    return finish_failed(layout, files, job.folder, journal)


def finish_failed(
    layout: SpoolLayout, files: FileOperations, folder: Path, journal: Journal
) -> tuple[Journal, Path]:
    """Make the moves of a job whose journal says that it failed."""
    while True:
        files.write(folder / REASON_FILE, reason_text(journal).encode())
        target = layout.failed / journal.name
        if _move_to_final_folder(files, folder, target, journal):
            return journal, target
        journal = _record_failed(layout, files, folder, journal)


def set_aside(layout: SpoolLayout, files: FileOperations, folder: Path, text: str) -> Path:
    """Keep a folder that nobody understands under failed/, with a word of explanation."""
    files.write(folder / REASON_FILE, text.encode())
    while True:
        target = layout.failed / free_name(folder.name, names_in(layout.failed))
        try:
            files.move(folder, target)
        except FileExistsError:
            continue
        return target


def _stage_outputs(files: FileOperations, stage: Path, outputs: Outputs) -> None:
    """Gather the outputs in the job's folder under fixed names, durably."""
    files.make_folder(stage)
    files.write(stage / f"{_STAGED_STEM}.json", _report_text(outputs.report))
    for source, suffix in ((outputs.strip, ".png"), (outputs.result, ".mp4")):
        if source is not None and os.path.lexists(source):
            files.move_across(source, stage / (_STAGED_STEM + suffix))
    sync_file(stage / f"{_STAGED_STEM}.mp4")


def _report_text(report: Mapping[str, object]) -> bytes:
    return json.dumps(report, indent=2, ensure_ascii=True, default=str).encode() + b"\n"


def _record_published(
    layout: SpoolLayout, files: FileOperations, folder: Path, journal: Journal, now: float
) -> Journal:
    name = free_name(journal.name, layout.taken_names())
    staged = (
        (folder / STAGE_FOLDER / (_STAGED_STEM + suffix), suffix) for suffix in _PUBLISHED_SUFFIXES
    )
    journal = journal.model_copy(
        update={
            "outcome": "published",
            "completed_at": now,
            "name": name,
            "published": tuple(
                PublishedFile(name=name + suffix, size=path.lstat().st_size)
                for path, suffix in staged
                if path.exists()
            ),
        }
    )
    save_journal(files, folder, journal)
    return journal


def _record_failed(
    layout: SpoolLayout, files: FileOperations, folder: Path, journal: Journal
) -> Journal:
    name = free_name(journal.name, names_in(layout.failed))
    journal = journal.model_copy(update={"name": name})
    save_journal(files, folder, journal)
    return journal


def _outbox_moves(layout: SpoolLayout, folder: Path, journal: Journal) -> list[tuple[Path, Path]]:
    """From the stage to the outbox, the mp4 last."""
    return [
        (
            folder / STAGE_FOLDER / (_STAGED_STEM + split_extension(file.name)[1]),
            layout.outbox / file.name,
        )
        for file in journal.published
    ]


def is_unchanged_output(file: PublishedFile, path: Path) -> bool:
    """Whether ``path`` still holds what we published there. Size only: a file's times and inode
    change when it is copied back from a backup or seen through another mount."""
    return is_file(path) and path.lstat().st_size == file.size


def _move_to_final_folder(
    files: FileOperations, folder: Path, target: Path, journal: Journal
) -> bool:
    """Turn the job's folder into its last one; False if ``target`` exists already."""
    files.remove_tree(folder / STAGE_FOLDER)
    files.remove_tree(folder / WORKSPACE_FOLDER)
    files.remove_file(folder / f".{JOURNAL_FILE}.part")
    if journal.member is None:
        restore_names(files, folder, journal)
    elif journal.outcome == "failed":
        detach_failed_member(files, folder, journal)
    try:
        files.move(folder, target)
    except FileExistsError:
        return False
    except OSError:
        # Renamed, and only the sync failed: should the rename not last, the journal says it all.
        if not is_folder(target):
            raise
    return True


def restore_names(files: FileOperations, folder: Path, journal: Journal) -> None:
    """Give the inputs the users' own names again, inside the job's folder."""
    for ours, theirs in _name_pairs(folder, journal):
        same = fold(ours.name) == fold(theirs.name) and os.path.lexists(theirs)
        if os.path.lexists(ours) and not same:
            files.move(ours, theirs)


def normalise_names(files: FileOperations, folder: Path, journal: Journal) -> None:
    """Inverse of ``restore_names``."""
    for ours, theirs in _name_pairs(folder, journal):
        if not os.path.lexists(ours) and os.path.lexists(theirs):
            files.move(theirs, ours)


def _name_pairs(folder: Path, journal: Journal) -> Iterable[tuple[Path, Path]]:
    names = journal.input_names
    return (
        (path, folder / names[kind])
        for kind, path in job_from_journal(folder, journal).inputs.items()
    )
