"""Compares the settings that are in force with those that were read again."""

from dataclasses import dataclass

from heygem_daemon.config.effect import Effect, effect_of
from heygem_daemon.config.settings import LOG_FOLDER_NAME, Settings
from heygem_daemon.config.wording import format_setting


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting that was read with another value."""

    key: str

    before: str
    """The value that was in force, as it is written in a file."""

    after: str
    """The value that was read."""

    effect: Effect


def find_changes(in_force: Settings, read: Settings) -> tuple[SettingChange, ...]:
    """Return the settings whose values differ, in the order of their definition."""
    changes = []
    for key, field in Settings.model_fields.items():
        before, after = getattr(in_force, key), getattr(read, key)
        if before != after and not (key == "log_folder" and _follows_spool(in_force, read)):
            texts = (format_setting(before), format_setting(after))
            changes.append(SettingChange(key, *texts, effect_of(field)))
    return tuple(changes)


def merge(in_force: Settings, read: Settings) -> Settings:
    """Return the settings that hold from now on: those that were read, but what needs a restart as
    it is in force."""
    kept = [
        key
        for key, field in Settings.model_fields.items()
        if effect_of(field) is Effect.RESTART
        or (key == "log_folder" and _follows_spool(in_force, read))
    ]
    return read.model_copy(update={key: getattr(in_force, key) for key in kept})


def _follows_spool(in_force: Settings, read: Settings) -> bool:
    """Whether both log folders are the default one, which moves only together with the spool."""
    return all(each.log_folder == each.spool / LOG_FOLDER_NAME for each in (in_force, read))
