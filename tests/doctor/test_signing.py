"""Whether results can be signed is found before the first result waits for it."""

import time
from pathlib import Path

import pytest

from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor.answers import SigningAnswer
from heygem_daemon.doctor.check import Check
from heygem_daemon.doctor.child import ProbeFailure
from heygem_daemon.doctor.signing import signing_checks
from heygem_daemon.doctor.signing_probe import try_to_sign
from tests.signing.certificates import make_key, write_chain, write_key


def settings(tmp_path: Path) -> Settings:
    return Settings(
        spool=tmp_path, c2pa_certificate=tmp_path / "chain.pem", c2pa_key=tmp_path / "key.pem"
    )


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate, and its key."""
    key = make_key("p256")
    return write_chain(tmp_path / "chain.pem", key), write_key(tmp_path / "key.pem", key)


def check(tmp_path: Path, answer: SigningAnswer | ProbeFailure) -> Check:
    (found,) = signing_checks(settings(tmp_path), lambda _program: answer, lambda: True)
    return found


def test_without_a_certificate_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert signing_checks(Settings(spool=tmp_path)) == []


def test_a_package_that_is_missing_is_named(tmp_path: Path) -> None:
    (found,) = signing_checks(settings(tmp_path), has_package=lambda: False)
    assert found.verdict == "fail"
    assert "c2pa-python is not installed" in found.detail


def test_what_keeps_from_signing_is_a_failure(tmp_path: Path) -> None:
    found = check(tmp_path, SigningAnswer("others can read it"))
    assert (found.verdict, found.detail) == ("fail", "nothing can be signed: others can read it")
    assert check(tmp_path, ProbeFailure("crashed")).verdict == "fail"


def test_a_certificate_that_expires_soon_is_a_warning(tmp_path: Path) -> None:
    now = time.time()
    assert check(tmp_path, SigningAnswer(expires=now + 9.5 * 86_400)).verdict == "warn"
    assert check(tmp_path, SigningAnswer(expires=now + 90 * 86_400)).verdict == "pass"


def test_a_real_certificate_signs(files: tuple[Path, Path]) -> None:
    answer = try_to_sign(*files, time.time())
    assert answer.problem is None
    assert answer.expires is not None
    assert 29 < (answer.expires - time.time()) / 86_400 < 31


def test_the_probe_is_a_program_that_answers(tmp_path: Path, files: tuple[Path, Path]) -> None:
    assert files
    (found,) = signing_checks(settings(tmp_path))
    assert (found.verdict, found.figures["days"]) == ("warn", 29)


@pytest.mark.parametrize(
    ("days_later", "text"), [(40, "has expired on"), (-9, "is not valid before")]
)
def test_a_certificate_is_valid_for_a_time(
    files: tuple[Path, Path], days_later: int, text: str
) -> None:
    assert text in (try_to_sign(*files, time.time() + days_later * 86_400).problem or "")


def test_files_that_cannot_be_used_are_named(tmp_path: Path, files: tuple[Path, Path]) -> None:
    certificate, key = files
    other = write_key(tmp_path / "other.pem", make_key("p256"))
    now = time.time()
    assert "is not that of the key" in (try_to_sign(certificate, other, now).problem or "")
    assert "cannot be read" in (try_to_sign(tmp_path / "nope", key, now).problem or "")
    assert "no certificate in PEM" in (try_to_sign(key, key, now).problem or "")
    (tmp_path / "empty").write_text("")
    assert "no certificate in PEM" in (try_to_sign(tmp_path / "empty", key, now).problem or "")
    key.chmod(0o644)
    assert "others can read" in (try_to_sign(certificate, key, now).problem or "")
