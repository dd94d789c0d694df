"""Finishes jobs: publishes the results, or moves the inputs to failed/.

Both work the same way. First, the journal records the outcome and the name. Then the job's folder
is cleaned up. Then a record in .state/ says which files the job leaves where. Then one rename turns
the folder into done/<name> or failed/<name>. Every step can be repeated, so that a start after a
crash runs the steps again.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from heygem_daemon.spool.batch.journal import COMMON_SIDECAR
from heygem_daemon.spool.batch.members import detach_failed_member
from heygem_daemon.spool.claim import move_all
from heygem_daemon.spool.claimed_folders import release_folder
from heygem_daemon.spool.files import FileOperations, is_unchanged
from heygem_daemon.spool.free_names import NUMBERED_TRIES, TakenNames, names_to_try, random_name
from heygem_daemon.spool.input_names import restore_names
from heygem_daemon.spool.job import (
    JOURNAL_FILE,
    STAGE_FOLDER,
    WORKSPACE_FOLDER,
    Job,
    Journal,
    PublishedFile,
    Report,
)
from heygem_daemon.spool.layout import (
    PUBLISHED_SUFFIXES,
    VIDEO_SUFFIXES,
    SpoolLayout,
    load_journal,
    save_journal,
)
from heygem_daemon.spool.names import split_extension
from heygem_daemon.spool.own_sidecars import show_sidecars
from heygem_daemon.spool.reason import REASON_FILE, Failure, reason_text
from heygem_daemon.spool.record_store import save_record
from heygem_daemon.spool.records import (
    JobRecord,
    RecordedFile,
    describe_files,
    recorded_folder,
)
from heygem_daemon.system import paths

_STAGED_STEM = "result"
MAX_WARNING = 200
"""How many characters of a warning the journal keeps; the report has all of it."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files of a worker's result, in the job's folder or on a scratch disk."""

    result: Path
    report: Report
    strip: Path | None
    warning: str = ""
    """What people should know of the result; empty: nothing."""


def publish_job(
    layout: SpoolLayout,
    files: FileOperations,
    job: Job,
    outputs: Outputs,
    now: float,
) -> Journal:
    """Publish ``outputs`` of ``job`` and return the final journal.

    ``now`` is in seconds since the epoch.
    """
    journal = load_journal(job.folder) or job.journal
    if journal.outcome != "published":
        _stage_outputs(files, job.folder / STAGE_FOLDER, outputs)
        name = layout.taken_names().free(journal.name)
        journal = journal.model_copy(update={"warning": outputs.warning[:MAX_WARNING]})
        journal = _record_published(files, job.folder, journal, name, now)
    return finish_published(layout, files, job.folder, journal)


def finish_published(
    layout: SpoolLayout, files: FileOperations, folder: Path, journal: Journal
) -> Journal:
    """Move the files of a job whose journal says that it is published. Raises NameContested."""
    names = enumerate(names_to_try(original_name(journal), layout.taken_names().free))
    while not _moved_to_outbox(layout, files, folder, journal):
        _take_back_outputs(layout, files, folder, journal)
        tries, name = next(names)
        apart = tries >= NUMBERED_TRIES
        journal = _record_published(files, folder, journal, name, journal.completed_at, apart)
    return journal


def _moved_to_outbox(
    layout: SpoolLayout, files: FileOperations, folder: Path, journal: Journal
) -> bool:
    """Move the outputs, then the folder. Return False if somebody has taken one of the names since
    they were chosen."""
    moves = _outbox_moves(layout, folder, journal)
    waiting = [move for move in moves if paths.exists(move[0])]
    final = layout.final_folder(journal)
    if not move_all(files, waiting):
        return False
    if len(waiting) < len(moves):  # some were moved by an attempt that ended before it synced
        files.sync_parents(*(target for _, target in moves))
    return _move_to_final_folder(layout, files, folder, final, journal)


def _take_back_outputs(
    layout: SpoolLayout, files: FileOperations, folder: Path, journal: Journal
) -> None:
    """Move the daemon's own files back from the outbox, if they are there and unchanged."""
    files.make_folder(folder / STAGE_FOLDER)
    moves = _outbox_moves(layout, folder, journal)
    for file, (staged, target) in zip(journal.published, moves, strict=True):
        if not paths.exists(staged) and is_unchanged_output(file, target):
            with suppress(FileNotFoundError):  # somebody has just collected it
                files.move(target, staged)


def fail_job(
    layout: SpoolLayout, files: FileOperations, job: Job, failure: Failure, now: float
) -> tuple[Journal, Path]:
    """Move ``job`` to failed/. Return its final journal and its folder there.

    ``now`` is in seconds since the epoch.
    """
    journal = load_journal(job.folder) or job.journal
    if journal.outcome != "failed":
        journal = journal.model_copy(
            update={
                "outcome": "failed",
                "completed_at": now,
                **asdict(failure),
            }
        )
        name = TakenNames.in_folder(layout.failed).free(journal.name)
        journal = _record_failed(files, job.folder, journal, name)
    return finish_failed(layout, files, job.folder, journal)


def finish_failed(
    layout: SpoolLayout, files: FileOperations, folder: Path, journal: Journal
) -> tuple[Journal, Path]:
    """Move the files of a job whose journal says that it failed. Return the journal and folder.
    Raises NameContested."""
    names = names_to_try(original_name(journal), TakenNames.in_folder(layout.failed).free)
    while True:
        if journal.member is not None:
            detach_failed_member(files, folder, journal)
        _explain(layout, files, folder, journal)
        target = layout.failed / journal.name
        if _move_to_final_folder(layout, files, folder, target, journal):
            return journal, target
        journal = _record_failed(files, folder, journal, next(names))


def _explain(layout: SpoolLayout, files: FileOperations, folder: Path, journal: Journal) -> None:
    """Write why a job failed. A member's files are beside it by then, but for those that it shares
    and nobody may link."""
    media = {journal.audio_name, journal.video_name} if journal.member is not None else set()
    is_whole = all(paths.exists(folder / name) for name in media)
    text = reason_text(journal, _title(layout, journal), is_whole=is_whole)
    files.write(folder / REASON_FILE, text.encode())


def _title(layout: SpoolLayout, journal: Journal) -> str:
    """Return what commands call a failed job: its place below failed/."""
    batch = layout.failed.name if journal.member else ""
    return "/".join(filter(None, (journal.folder, batch, journal.name)))


def set_aside(layout: SpoolLayout, files: FileOperations, folder: Path, text: str) -> Path:
    """Move a folder of unknown content to failed/, with ``text`` as its reason.txt."""
    files.write(folder / REASON_FILE, text.encode())
    names = names_to_try(folder.name, TakenNames.in_folder(layout.failed).free)
    while not release_folder(files, folder, target := layout.failed / next(names)):
        pass
    return target


def original_name(journal: Journal) -> str:
    """Return the name of a job before it got a number."""
    return journal.first_name or journal.name


def published_report(journal: Journal) -> str:
    """Return the name of a published job's report."""
    names = (file.name for file in journal.published if file.name.endswith(".json"))
    return next(names, f"{journal.name}.json")


def ended_path(journal: Journal) -> PurePosixPath:
    """Return the result of a published job, or the folder of a failed one, relative to the spool.
    ``journal.name`` is the one that commands use."""
    if journal.outcome != "published":
        return PurePosixPath("failed", journal.name)
    batch = [journal.member.batch] if journal.member is not None else []
    return PurePosixPath("outbox", journal.folder, *batch, published_video(journal))


def published_video(journal: Journal) -> str:
    """Return the name of a published job's video."""
    return next(
        (file.name for file in journal.published if file.name.endswith(VIDEO_SUFFIXES)),
        journal.name + VIDEO_SUFFIXES[0],
    )


def _stage_outputs(files: FileOperations, stage: Path, outputs: Outputs) -> None:
    """Move the outputs into the job's folder under fixed names, durably."""
    files.make_folder(stage)
    files.write(stage / f"{_STAGED_STEM}.json", _report_text(outputs.report))
    video_suffix = suffix_of_result(outputs.result)
    for source, suffix in ((outputs.strip, ".png"), (outputs.result, video_suffix)):
        if source is not None and _is_waiting(source):
            files.move_across(source, staged := stage / (_STAGED_STEM + suffix))
            files.protect(staged)
    paths.sync_file(stage / (_STAGED_STEM + video_suffix))


def suffix_of_result(result: Path) -> str:
    """Return the suffix under which ``result`` is published; a worker cannot choose another one."""
    return result.suffix if result.suffix in VIDEO_SUFFIXES else VIDEO_SUFFIXES[0]


def _is_waiting(source: Path) -> bool:
    """Return whether an output still has to be staged. Raises OSError if a link is in the way."""
    try:
        paths.lstat(source)
    except FileNotFoundError:
        return False
    return True


def _report_text(report: Mapping[str, object]) -> bytes:
    text = json.dumps(report, indent=2, ensure_ascii=False, default=str)
    return text.encode("utf-8", "backslashreplace") + b"\n"  # "\udc80" is an escape of JSON


def _record_published(
    files: FileOperations,
    folder: Path,
    journal: Journal,
    name: str,
    now: float | None,
    apart: bool = False,
) -> Journal:
    """Record the outcome and the names. ``apart``: each file gets a name that nobody can foresee,
    since somebody takes the names of the others as soon as he sees the first file."""
    journal = journal.model_copy(
        update={
            "outcome": "published",
            "completed_at": now,
            "name": name,
            "first_name": original_name(journal),
            "published": tuple(_describe_staged(folder / STAGE_FOLDER, name, apart)),
        }
    )
    save_journal(files, folder, journal)
    return journal


def _describe_staged(stage: Path, name: str, apart: bool) -> Iterator[PublishedFile]:
    """Yield the staged files as they will be in the outbox: under ``name``, or ``apart``."""
    for suffix in PUBLISHED_SUFFIXES:
        if paths.exists(path := stage / (_STAGED_STEM + suffix)):
            status = paths.lstat(path)
            yield PublishedFile(
                name=(random_name(name) if apart else name) + suffix,
                size=status.st_size,
                inode=status.st_ino,
                mtime_ns=status.st_mtime_ns,
            )


def _record_failed(files: FileOperations, folder: Path, journal: Journal, name: str) -> Journal:
    changes = {"name": name, "first_name": original_name(journal)}
    journal = journal.model_copy(update=changes)
    save_journal(files, folder, journal)
    return journal


def _outbox_moves(layout: SpoolLayout, folder: Path, journal: Journal) -> list[tuple[Path, Path]]:
    """Return the moves from the stage folder to the outbox, the video last."""
    return [
        (
            folder / STAGE_FOLDER / (_STAGED_STEM + split_extension(file.name)[1]),
            layout.outbox / file.name,
        )
        for file in journal.published
    ]


def is_unchanged_output(file: PublishedFile, path: Path) -> bool:
    """Return whether ``path`` is still the file that the daemon published, by its identity: a
    user's file of the same name and size is another one."""
    return is_unchanged(path, file)


def _move_to_final_folder(
    layout: SpoolLayout, files: FileOperations, folder: Path, target: Path, journal: Journal
) -> bool:
    """Record what the job leaves, and rename its folder to ``target``. Return False if ``target``
    exists.

    A published member of a batch stays with the batch, and is recorded with it.
    """
    files.remove_tree(folder / STAGE_FOLDER)
    files.remove_tree(folder / WORKSPACE_FOLDER)
    files.remove_file(folder / f".{JOURNAL_FILE}.part")
    if journal.member is None:
        restore_names(files, folder, journal)
    if journal.member is None or journal.outcome == "failed":
        show_sidecars(files, folder, [journal.sidecar_name])
        save_record(layout, files, _describe_job(layout, folder, target, journal))
    stays = journal.member is not None and journal.outcome == "published"
    return release_folder(files, folder, target, is_public=not stays)


def _describe_job(layout: SpoolLayout, folder: Path, target: Path, journal: Journal) -> JobRecord:
    """Return the record of a job whose ``folder`` will be renamed to ``target``."""
    location = target.relative_to(layout.root).parts
    notes = [REASON_FILE] if journal.outcome == "failed" else []
    common = [COMMON_SIDECAR] if journal.member else []
    names = [*journal.input_names.values(), *common, *notes, JOURNAL_FILE]
    results = (
        RecordedFile(
            path=(*layout.outbox.relative_to(layout.root).parts, file.name),
            size=file.size,
            inode=file.inode,
            mtime_ns=file.mtime_ns,
        )
        for file in journal.published
    )
    shared = [recorded_folder(location[:-1], target.parent)] if journal.member else []
    return JobRecord(
        journal=journal,
        location=location,
        files=(*results, *describe_files(folder, [(name,) for name in names], location)),
        folders=(recorded_folder(location, folder), *shared),
    )
