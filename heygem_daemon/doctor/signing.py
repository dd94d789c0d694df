"""Findings about the certificate and the key with which results are signed."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec

from heygem_daemon.config.settings import Settings
from heygem_daemon.counts import counted
from heygem_daemon.doctor.answers import SigningAnswer
from heygem_daemon.doctor.check import Check, failed, passed, warned
from heygem_daemon.doctor.child import ProbeFailure, run_probe
from heygem_daemon.system.installation import find_installation

PROBE = "heygem_daemon.doctor.signing_probe"
TIMEOUT_SECONDS = 20.0
SOON_DAYS = 30
"""A certificate that expires within so many days is a warning: a new one takes time."""

NAME = "signed marks"
REMEDY = "Results are rendered, and wait until they can be signed: see docs/marking.md."
Ask = Callable[[Sequence[str]], SigningAnswer | ProbeFailure]


def _ask(program: Sequence[str]) -> SigningAnswer | ProbeFailure:
    return run_probe(program, SigningAnswer, TIMEOUT_SECONDS)


def _has_package() -> bool:
    return find_spec("c2pa") is not None and find_spec("cryptography") is not None


def signing_checks(
    settings: Settings, ask: Ask = _ask, has_package: Callable[[], bool] = _has_package
) -> list[Check]:
    """Return whether results can be signed; nothing where no certificate is configured."""
    if settings.c2pa_certificate is None or settings.c2pa_key is None:
        return []
    if not has_package():
        remedy = find_installation().add_extra("c2pa")
        detail = f"c2pa-python is not installed; {remedy}"
        return [failed(NAME, detail, REMEDY)]
    paths = str(settings.c2pa_certificate), str(settings.c2pa_key)
    answer = ask(["-m", PROBE, *paths, *_daemons_user(settings)])
    problem = answer.reason if isinstance(answer, ProbeFailure) else answer.problem
    if isinstance(answer, ProbeFailure) or problem is not None:
        return [failed(NAME, f"nothing can be signed: {problem}", REMEDY)]
    return [_expiry_check(answer.expires, time.time())]


def _expiry_check(expires: float | None, now: float) -> Check:
    if expires is None:
        return passed(NAME, "a trial signature is valid")
    days = int((expires - now) // 86_400)
    left = counted(days, "1 day", "{count} days")
    detail = f"a trial signature is valid; the certificate expires in {left}"
    if days > SOON_DAYS:
        return passed(NAME, detail, {"days": days})
    return warned(NAME, detail, "Get a new one: without, results wait.", {"days": days})


def _daemons_user(settings: Settings) -> list[str]:
    """Return the user id of who owns the spool, where root asks: the daemon signs as that user."""
    if os.geteuid() != 0:
        return []
    with suppress(OSError):
        owner = settings.spool.stat().st_uid
        return [str(owner)] if owner != 0 else []
    return []
