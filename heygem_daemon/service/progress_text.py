"""The text of ``<name>.rendering.txt``: how far a job is, in one language or both."""

from heygem_daemon.durations import roughly
from heygem_daemon.language.translator import LanguageSetting, Translator, in_each
from heygem_daemon.protocol import Progress
from heygem_daemon.report.stages import STAGES
from heygem_daemon.service.progress import percent_done, seconds_left
from heygem_daemon.service.tally import LOADING
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.reason import LANGUAGE_RULE, format_time


def progress_text(
    name: str,
    progress: Progress | None,
    started: float,
    written: float,
    language: LanguageSetting,
) -> str:
    """Return the whole file. ``progress``: the last one; None: the engine is being loaded.
    ``started``, and ``written``, when the text is made: seconds since the epoch."""

    def write(translate: Translator) -> str:
        stage = translate(STAGES[progress.stage if progress else LOADING])
        lines = [
            translate('"{name}" is being rendered.', name=printable(name)),
            "",
            translate("Stage: {stage}", stage=stage),
        ]
        if progress and (percent := percent_done(progress)) is not None:
            lines.append(translate("Done: {percent} %", percent=percent))
        if progress and (left := seconds_left(progress)):
            duration = translate(roughly(left))
            lines.append(translate("Time left: about {duration}", duration=duration))
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
