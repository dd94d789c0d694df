"""``config``: checks the settings, and shows each with the place that it comes from."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Annotated

from heygem_daemon.cli.output import JSON_OPTION, own_language, print_json, print_table, say
from heygem_daemon.config.doubts import find_doubts, find_empty_values
from heygem_daemon.config.effect import effect_of
from heygem_daemon.config.loading import (
    SYSTEM_CONFIG,
    SettingsSource,
    WrongSettings,
    read_config_file,
)
from heygem_daemon.config.machine_doubts import find_machine_doubts
from heygem_daemon.config.origins import find_origins
from heygem_daemon.config.settings import Settings
from heygem_daemon.config.unit_doubts import METRICS_SOCKET, find_unit_doubts
from heygem_daemon.config.wording import format_setting
from heygem_daemon.doctor.child import ProbeFailure, run_probe
from heygem_daemon.doctor.signing import signing_checks
from heygem_daemon.notify.senders import not_installed
from heygem_daemon.notify.targets import TargetsUnusable, read_targets
from heygem_daemon.notify.trial import TrialAnswer
from heygem_daemon.system.host_memory import total_bytes
from heygem_daemon.system.unit import find_unit, own_unit_name

TRIAL = "heygem_daemon.notify.trial"
TRIAL_SECONDS = 60.0


def check(source: SettingsSource) -> None:
    """Check all settings, and print every mistake. Exit status 2 if there is one.

    What is possible and makes no sense is a warning; the exit status is 0.
    """
    try:
        settings = source.load()
    except WrongSettings as error:
        if (others := source.load_others(error.keys)) is not None:
            _tell_doubts(source, others)
        raise
    doubts = _tell_doubts(source, settings)
    file = source.find_file() or "no configuration file"
    say(f"The settings are possible ({file})." if doubts else f"The settings are right ({file}).")


def _tell_doubts(source: SettingsSource, settings: Settings) -> bool:
    """Print all doubts about the settings; return whether there are some."""
    file = source.find_file()
    doubts = [
        *find_empty_values(read_config_file(file) if file else {}),
        *settings_doubts(settings, of_service=file == SYSTEM_CONFIG),
        *_signing_doubts(settings),
        *_address_doubts(settings),
    ]
    for doubt in doubts:
        say(f"warning: {doubt}")
    return bool(doubts)


def settings_doubts(settings: Settings, *, of_service: bool | None = None) -> list[str]:
    """Return a sentence for each setting that makes no sense, alone or in the daemon's unit.

    ``of_service``: whether they are those of the installed service, and not of a daemon that
    somebody starts by hand; None: they are if systemd has started this process.
    """
    unit = find_unit()
    doubts = find_doubts(settings, unit.stop_seconds if unit else None, total_bytes())
    if unit is not None and (own_unit_name() is not None if of_service is None else of_service):
        opener = find_unit(METRICS_SOCKET) if settings.metrics_port else None
        doubts += find_unit_doubts(settings, unit, opener)
    return [*doubts, *find_machine_doubts(settings), *_notification_doubts(settings)]


def _notification_doubts(settings: Settings) -> Iterator[str]:
    """Yield why the file of targets cannot be used. Jobs go on without notifications."""
    if settings.notifications is None:
        return
    try:
        targets = read_targets(settings.notifications)
    except TargetsUnusable as error:
        yield f"notifications: {error}"
        return
    if targets.apprise and find_spec("apprise") is None:
        yield f"notifications: {not_installed()}"


def _address_doubts(settings: Settings) -> Iterator[str]:
    """Yield which addresses Apprise does not know, in a child process that loads it."""
    if settings.notifications is None or list(_notification_doubts(settings)):
        return  # The file cannot be used, which has been said.
    program = ("-m", TRIAL, str(settings.notifications))
    answer = run_probe(program, TrialAnswer, TRIAL_SECONDS)
    problems = (answer.reason,) if isinstance(answer, ProbeFailure) else answer.problems
    yield from (f"notifications: {each}" for each in problems)


def _signing_doubts(settings: Settings) -> Iterator[str]:
    """Yield why results cannot be signed, or soon. Takes a second: a child process tries."""
    for check in signing_checks(settings):
        if check.verdict != "pass":
            yield f"c2pa_certificate, c2pa_key: {check.detail}"


def show(source: SettingsSource, as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """Show each setting, where its value comes from, and when a change of it takes effect."""
    settings, origins = source.load(), find_origins(source)
    fields = Settings.model_fields
    if as_json:
        print_json(
            {
                key: {
                    "value": getattr(settings, key),
                    "origin": origins[key].kind,
                    "place": origins[key].place,
                    "applies": effect_of(field).value,
                }
                for key, field in fields.items()
            }
        )
        return
    translate = own_language()
    print_table(
        f"Settings, from {source.find_file() or 'no file'}",
        ("setting", "value", "from", "a change applies"),
        (
            (
                key,
                format_setting(getattr(settings, key)),
                origins[key].place or translate(origins[key].kind),
                effect_of(field).value,
            )
            for key, field in fields.items()
        ),
    )
