"""Events of the daemon itself: its settings, its steps, its spool and its clock."""

from heygem_daemon.events.event import Event


class DaemonStarted(
    Event,
    text=(
        "heygem-daemon {version} started: spool {spool}, engine {engine}, device "
        "{device}, jobs taken up again: {jobs}"
    ),
):
    """Ready; what an earlier run left is queued again."""

    version: str
    spool: str
    engine: str
    device: str
    jobs: int


class DaemonStopped(Event, text="heygem-daemon stopped"):
    """A clean end."""


class StandbyWaits(Event, text="standby: waits until the spool's daemon ends: {holder}"):
    """At the start with ``--standby``, and where another daemon has become the spool's."""

    holder: str


class StandbyWakes(Event, text="standby: takes over the spool; its daemon has ended: {holder}"):
    """The lock of the spool is free."""

    holder: str


class StandbyDeferred(Event, text="standby: another daemon was first: {reason}"):
    """The lock was taken between the look at it and the start, or was taken over later."""

    reason: str


class DaemonBug(Event, text="a bug ends the daemon; its jobs are kept", level="ERROR"):
    """A fault of the program; the traceback follows."""


class LeasesUnavailable(
    Event,
    text=(
        "whether another user's file is still open for writing cannot be asked here (CAP_LEASE);"
        " the quiet period and the file's end decide"
    ),
):
    """The kernel does not tell who writes to a file in the inbox."""


class FileUnwritten(Event, text="{path} is not written: {why}", level="WARNING"):
    """A page, or the progress of a job, is not written, since somebody has put a folder or the like
    in its place. It is written again when the way is free."""

    path: str
    why: str


class LogUnavailable(
    Event, text="no log file can be written, only the console is used: {reason}", level="WARNING"
):
    """The log folder cannot be made or written to."""

    reason: str


class MetricsUnavailable(Event, text="no metrics on port {port}: {reason}", level="ERROR"):
    """The setting metrics_port cannot be used; the file metrics.prom is written all the same."""

    port: int
    reason: str


class SettingsWrong(
    Event,
    text="the configuration is wrong, the settings stay as they were: {problem}",
    level="ERROR",
):
    """At a reload; one line for each mistake."""

    problem: str


class SettingDoubted(Event, text="settings: {doubt}", level="WARNING"):
    """A value that is possible and makes no sense; at the start and at a reload."""

    doubt: str


class SettingsRead(Event, text="settings read again, {changed} changed"):
    """The end of a reload."""

    changed: int


class SettingChanged(Event, text="setting {setting} = {value}, before {before}: applies {applies}"):
    """A setting that was changed by a reload."""

    setting: str
    value: str
    before: str
    applies: str


class SettingNeedsRestart(
    Event,
    text="setting {setting} = {value} needs a restart; until then it is {before}",
    level="WARNING",
):
    """A changed setting that a reload cannot change."""

    setting: str
    value: str
    before: str


class HoursEnded(Event, text="outside the active hours no job[ of {folder}] starts, {until}"):
    """Running jobs are finished; files are taken as before."""

    until: str
    folder: str
    """A hot folder with hours of its own; empty: all others."""


class HoursBegan(Event, text="the active hours[ of {folder}] begin: jobs start again"):
    """The queue goes on."""

    folder: str
    """A hot folder with hours of its own; empty: all others."""


class SpoolReplaced(
    Event, text="another disk or share was mounted at {spool}: it is opened", level="WARNING"
):
    """The spool is opened anew, with its own jobs."""

    spool: str


class StepHeld(Event, text="on hold ({step}): {reason}", level="ERROR"):
    """A fault around a step of the main loop; it is tried again."""

    step: str
    reason: str


class StepResumed(Event, text="no longer on hold ({step})"):
    """The step succeeds again."""

    step: str


class ItemSetAside(Event, text="{item}: set aside, {error}", level="ERROR"):
    """A file, job or message that the daemon cannot handle; the traceback follows."""

    item: str
    error: str


class LookNotStarted(
    Event, text="no process could be started that looks at files: {error}", level="WARNING"
):
    """It is tried again; until then no file is taken. Logged once until one starts."""

    error: str


class ItemWithheld(Event, text="{item}: set aside: {reason}", level="WARNING"):
    """Files whose owner keeps the daemon from them, or whose names somebody takes."""

    item: str
    reason: str


class ItemLinesLeftOut(
    Event,
    text="lines about items that were set aside and are not logged one by one: {count}",
    level="WARNING",
):
    """Many items at once: of bugs and of withheld files 50 each are logged, then two a minute."""

    count: int


class InboxPolled(Event, text="{reason}"):
    """No events arrive for the inbox; regular scans find new files."""

    reason: str


class ClockDoubted(
    Event,
    text=(
        "{doubt}: nothing is purged until NTP confirms the time, or for a day; if the "
        "time is right, `heygem-daemon purge --force` does it now"
    ),
    level="WARNING",
):
    """The clock may be wrong, which would make everything look old."""

    doubt: str


class ClockConfirmed(Event, text="the clock is confirmed: what has expired is deleted again"):
    """NTP or a day has confirmed the time."""


class ClockWasBehind(
    Event,
    text=(
        "the clock was behind: retention_days = {days} counts from now for all jobs that have"
        " ended so far"
    ),
    level="WARNING",
):
    """Jobs that ended while the clock was behind are recorded with a time long past."""

    days: float


class NotPurged(Event, text="{name} could not be purged: {reason}", level="WARNING"):
    """An expired file that cannot be deleted now; the next sweep tries it again."""

    name: str
    reason: str


class MoreNotPurged(Event, text="{count} more could not be purged", level="WARNING"):
    """The end of a sweep in which very many files could not be deleted."""

    count: int


class Purged(Event, text="expired files and folders purged: {count}"):
    """The end of a sweep that deleted something."""

    count: int
