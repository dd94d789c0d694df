"""What a person has to do depends on how the program is installed."""

from pathlib import Path

import pytest

from heygem_daemon.system.installation import Installation, as_sentence, find_installation


def _checkout(folder: Path) -> Path:
    (folder / "heygem_daemon").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml"):
        (folder / name).touch()
    return folder / "heygem_daemon"


def test_checkout_service_and_package_are_told_apart(tmp_path: Path) -> None:
    package = _checkout(tmp_path / "checkout")
    assert find_installation(package, tmp_path / "env").kind == "checkout"
    service = tmp_path / "opt"
    release = service / "releases" / "0.1.0-12345678"
    installed = release / "lib" / "heygem_daemon"
    installed.mkdir(parents=True)
    (service / "current").symlink_to(release)
    assert find_installation(installed, service / "current", service).kind == "service"
    assert find_installation(installed, tmp_path / "env", service).kind == "package"
    assert find_installation().kind == "checkout"


@pytest.mark.parametrize(
    ("kind", "renew", "extra"),
    [
        ("checkout", "remove .venv and run 'make venv'", "'make venv'"),
        ("service", "'rm /opt/heygem-daemon/current/installed' and", "--extras notify'"),
        ("package", "'/env/bin/python -m pip install --force-reinstall torch'", "[notify]'"),
    ],
)
def test_each_has_its_own_remedy(kind: str, renew: str, extra: str) -> None:
    installation = Installation(kind, Path("/env"))  # type: ignore[arg-type]
    assert renew in installation.renew("torch")
    assert extra in installation.add_extra("notify")
    assert ("make venv" in installation.renew() + installation.builder) == (kind == "checkout")
    assert installation.add("av") == "run '/env/bin/python -m pip install av'"
    assert as_sentence("run it") == "Run it."
