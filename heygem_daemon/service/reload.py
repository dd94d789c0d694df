"""Reads the settings again while the daemon runs, and says what changed."""

from collections.abc import Callable, Iterable

from heygem_daemon.config.changes import SettingChange, find_changes, merge
from heygem_daemon.config.effect import Effect
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import ConfigurationError
from heygem_daemon.events.daemon import (
    SettingChanged,
    SettingDoubted,
    SettingNeedsRestart,
    SettingsRead,
    SettingsWrong,
)


class SettingsReload:
    """Keeps the settings that are in force. What a wrong configuration says is not used."""

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Settings],
        find_doubts: Callable[[Settings], Iterable[str]] = lambda _settings: (),
    ) -> None:
        """``load`` reads the settings. It raises ConfigurationError. ``find_doubts`` returns a
        sentence for each value that makes no sense."""
        self._load = load
        self._find_doubts = find_doubts
        self.settings = settings
        """The settings that are in force."""
        self.note: str | None = None
        """Why they are not those of the configuration; None: they are."""

    def read(self) -> None:
        """Read the settings, and log what changed."""
        try:
            read = self._load()
        except ConfigurationError as error:
            problems = str(error).splitlines()
            for problem in problems:
                SettingsWrong(problem).log()
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            self.note = f"the configuration is wrong and not in force: {problems[0]}{more}"
            return
        changes = find_changes(self.settings, read)
        for change in changes:
            _log_change(change)
        late = [each.key for each in changes if each.effect is Effect.RESTART]
        self.note = f"changed settings need a restart: {', '.join(late)}" if late else None
        self.settings = merge(self.settings, read)
        SettingsRead(len(changes)).log()
        self.tell_doubts()

    def tell_doubts(self) -> None:
        """Log each value in force that makes no sense."""
        for doubt in self._find_doubts(self.settings):
            SettingDoubted(doubt).log()


def _log_change(change: SettingChange) -> None:
    if change.effect is Effect.RESTART:
        SettingNeedsRestart(change.key, change.after, change.before).log()
    else:
        SettingChanged(change.key, change.after, change.before, change.effect.value).log()
