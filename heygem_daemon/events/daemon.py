"""Events of the daemon itself: its settings, its steps, its spool and its clock."""

from dataclasses import dataclass

from heygem_daemon.events.event import Event


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class DaemonStopped(Event, text="heygem-daemon stopped"):
    """A clean end."""


@dataclass(frozen=True)
class DaemonBug(Event, text="a bug ends the daemon; its jobs are kept", level="ERROR"):
    """A fault of the program; the traceback follows."""


@dataclass(frozen=True)
class LeasesUnavailable(Event, text="{why}"):
    """The kernel does not tell who writes to a file in the inbox."""

    why: str


@dataclass(frozen=True)
class LogUnavailable(
    Event, text="no log file can be written, only the console is used: {reason}", level="WARNING"
):
    """The log folder cannot be made or written to."""

    reason: str


@dataclass(frozen=True)
class SettingsWrong(
    Event,
    text="the configuration is wrong, the settings stay as they were: {problem}",
    level="ERROR",
):
    """At a reload; one line for each mistake."""

    problem: str


@dataclass(frozen=True)
class SettingDoubted(Event, text="settings: {doubt}", level="WARNING"):
    """A value that is possible and makes no sense; at the start and at a reload."""

    doubt: str


@dataclass(frozen=True)
class SettingsRead(Event, text="settings read again, {changed} changed"):
    """The end of a reload."""

    changed: int


@dataclass(frozen=True)
class SettingChanged(Event, text="setting {setting} = {value}, before {before}: applies {applies}"):
    """A setting that was changed by a reload."""

    setting: str
    value: str
    before: str
    applies: str


@dataclass(frozen=True)
class SettingNeedsRestart(
    Event,
    text="setting {setting} = {value} needs a restart; until then it is {before}",
    level="WARNING",
):
    """A changed setting that a reload cannot change."""

    setting: str
    value: str
    before: str


@dataclass(frozen=True)
class SpoolReplaced(
    Event, text="another disk or share was mounted at {spool}: it is opened", level="WARNING"
):
    """The spool is opened anew, with its own jobs."""

    spool: str


@dataclass(frozen=True)
class StepHeld(Event, text="on hold ({step}): {reason}", level="ERROR"):
    """A fault around a step of the main loop; it is tried again."""

    step: str
    reason: str


@dataclass(frozen=True)
class StepResumed(Event, text="no longer on hold ({step})"):
    """The step succeeds again."""

    step: str


@dataclass(frozen=True)
class ItemSetAside(Event, text="{item}: set aside, {error}", level="ERROR"):
    """A file, job or message that the daemon cannot handle; the traceback follows."""

    item: str
    error: str


@dataclass(frozen=True)
class InboxPolled(Event, text="{reason}"):
    """No events arrive for the inbox; regular scans find new files."""

    reason: str


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class ClockConfirmed(Event, text="the clock is confirmed: what has expired is deleted again"):
    """NTP or a day has confirmed the time."""


@dataclass(frozen=True)
class ClockWasBehind(
    Event,
    text=(
        "the clock was behind: {days} days of retention count from now for all jobs that have"
        " ended so far"
    ),
    level="WARNING",
):
    """Jobs that ended while the clock was behind are recorded with a time long past."""

    days: float


@dataclass(frozen=True)
class NotPurged(Event, text="{name} could not be purged: {reason}", level="WARNING"):
    """An expired file that cannot be deleted now; the next sweep tries it again."""

    name: str
    reason: str


@dataclass(frozen=True)
class MoreNotPurged(Event, text="{count} more could not be purged", level="WARNING"):
    """The end of a sweep in which very many files could not be deleted."""

    count: int


@dataclass(frozen=True)
class Purged(Event, text="purged {count} expired files and folders"):
    """The end of a sweep that deleted something."""

    count: int
