"""The text of ``<name>.rendering.txt``: how far a job is, in one language or both."""

from heygem_daemon.durations import roughly
from heygem_daemon.language.translator import LanguageSetting, Translator, in_each
from heygem_daemon.report.stages import LOADING, STAGES
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
        lines.append(translate("Last update: {time}", time=format_time(written)))
        lines += [
            "",
            translate("If this time is more than a minute ago, the daemon is not running."),
            translate("When the job has ended, this file disappears by itself."),
            "",
        ]
        return "\n".join(lines)

    return LANGUAGE_RULE.join(in_each(language, write))
