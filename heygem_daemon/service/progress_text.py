"""The text of ``<name>.rendering.txt``: how far a job is, in one language or both."""

from heygem_daemon.durations import roughly
from heygem_daemon.language.translator import LanguageSetting, Translator, in_each
from heygem_daemon.report.stages import LOADING, STAGES
from heygem_daemon.service.queue import QueuedJob
from heygem_daemon.service.running_jobs import RunningJob
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.reason import LANGUAGE_RULE, format_time


def progress_text(
    running: RunningJob, left: float | None, written: float, language: LanguageSetting
) -> str:
    """Return the whole file. ``left``: for how many seconds the job still runs; None: not known.
    ``written``: when the text is made, seconds since the epoch."""

    def write(translate: Translator) -> str:
        progress = running.progress
        stage = translate(STAGES[progress.stage if progress else LOADING])
        lines = [
            translate('"{name}" is being rendered.', name=printable(running.job.name)),
            "",
            translate("Stage: {stage}", stage=stage),
        ]
        if running.percent:
            lines.append(translate("Done: {percent} %", percent=running.percent))
        if left is not None:
            duration = translate(roughly(left))
            lines.append(translate("Time left: about {duration}", duration=duration))
        started = running.job.journal.started_at or running.started
        lines.append(translate("Started: {time}", time=format_time(started)))
        return "\n".join([*lines, *_ending(translate, written)])

    return LANGUAGE_RULE.join(in_each(language, write))


def pause_text(queued: QueuedJob, written: float, language: LanguageSetting) -> str:
    """Return the whole file of a job that pauses. Which job goes first is not said: it may be in
    another hot folder. ``written``: when the text is made, seconds since the epoch."""

    def write(translate: Translator) -> str:
        journal = queued.job.journal
        lines = [
            translate(
                '"{name}" pauses, so that others have their turn.', name=printable(queued.job.name)
            ),
            "",
        ]
        if journal.percent:
            lines.append(translate("Done: {percent} %", percent=journal.percent))
        if journal.started_at:
            lines.append(translate("Started: {time}", time=format_time(journal.started_at)))
        return "\n".join([*lines, *_ending(translate, written)])

    return LANGUAGE_RULE.join(in_each(language, write))


def _ending(translate: Translator, written: float) -> list[str]:
    return [
        translate("Last update: {time}", time=format_time(written)),
        "",
        translate("If this time is more than a minute ago, the daemon is not running."),
        translate("When the job has ended, this file disappears by itself."),
        "",
    ]
