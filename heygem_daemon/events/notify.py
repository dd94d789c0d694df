"""Events of notifications, and of the command after a job."""

from heygem_daemon.events.event import Event


class NotificationSent(Event, text="told {target} of {occasion}[, try {tries}]", level="DEBUG"):
    """A target took a notification."""

    occasion: str
    target: str
    tries: int


class TargetSilent(
    Event,
    text="{target} does not take notifications: {reason}; {occasion} is tried again in"
    " {seconds:time}",
    level="WARNING",
):
    """The first failed try of a target since it took one. What waits for it is kept, and tried
    again for about three hours."""

    occasion: str
    target: str
    seconds: float
    reason: str


class TargetAnswers(Event, text="{target} takes notifications again"):
    """A target took a notification after failed tries."""

    target: str


class NotificationFailed(
    Event,
    text="could not tell {target} of {occasion}[ in {tries} tries]: {reason}",
    level="WARNING",
):
    """A target was tried for hours, or refuses it for good."""

    occasion: str
    target: str
    tries: int
    reason: str


class NotificationsUnusable(Event, text="no notifications can be sent: {reason}", level="ERROR"):
    """The file that the setting notifications names cannot be used, or no process started."""

    reason: str


class NotificationsDropped(
    Event, text="notifications are dropped: more than {waiting} wait", level="WARNING"
):
    """The process that delivers hangs. Logged once until there is room again."""

    waiting: int


class NotificationsKept(
    Event, text="notifications still to be sent: {waiting}; the next start does it"
):
    """At a stop, targets had not taken them yet."""

    waiting: int


class NotificationsNotKept(
    Event, text="notifications that wait would not survive a restart: {reason}", level="WARNING"
):
    """The file with them cannot be written. Logged once for each reason."""

    reason: str


class NotificationsGivenUp(
    Event,
    text="notifications given up: {count}; no target took them in a day, or in many starts",
    level="WARNING",
):
    """They are older than a day, or the process that delivers ended again and again with them."""

    count: int


class NotificationsUnreadable(
    Event,
    text="{file} cannot be read, and is now called {name}: {reason}",
    level="WARNING",
):
    """The notifications that an earlier run has left are not sent."""

    file: str
    name: str
    reason: str


class CommandEnded(Event, text="the command for {file} ended after {seconds:.1f} s", level="DEBUG"):
    """The command of on_published succeeded."""

    file: str
    seconds: float


class CommandFailed(Event, text="the command for {file} failed: {reason}", level="WARNING"):
    """The command of on_published ended with a status other than 0, or was ended."""

    file: str
    reason: str


class CommandsDropped(
    Event, text="the command for {file} is not run: more than {waiting} wait", level="WARNING"
):
    """Commands take longer than jobs."""

    file: str
    waiting: int


class CommandsKept(
    Event,
    text="commands of on_published that have not ended: {count}; they run after the next start",
):
    """The daemon stopped before their turn, or while the first of them ran."""

    count: int


class CommandsNotKept(
    Event,
    text="the commands of on_published that wait cannot be kept for the next start: {reason}",
    level="WARNING",
):
    """The file in .state/ could not be written."""

    reason: str


class CommandsUnreadable(
    Event, text="{file} cannot be read and is now {name}: {reason}", level="WARNING"
):
    """The commands that an earlier run has left are lost."""

    file: str
    name: str
    reason: str
