"""How this program is installed: where its weights are, and what installs it again."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PACKAGE = Path(__file__).resolve().parent.parent
SERVICE = Path("/opt/heygem-daemon")
"""Where ``systemd/install.sh`` installs it."""
MAKEFILE = "Makefile"

InstallationKind = Literal["checkout", "service", "package"]


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation. Its properties are clauses that begin with a verb."""

    kind: InstallationKind
    """checkout: it runs from a checkout; service: ``systemd/install.sh`` made it; package: it was
    installed with pip into some environment."""

    prefix: Path
    """The environment that it runs in."""

    @property
    def builder(self) -> str:
        """What chooses the build of torch, as a noun."""
        names = {"checkout": "'make venv'", "service": "systemd/install.sh", "package": "pip"}
        return names[self.kind]

    def renew(self, packages: str = "heygem-daemon") -> str:
        """What makes the environment anew. ``packages``: those that matter, for pip."""
        if self.kind == "checkout":
            return "remove .venv and run 'make venv'"
        if self.kind == "service":
            return (
                f"as root, in this version's checkout, run 'rm {SERVICE}/current/installed' and"
                " 'systemd/install.sh' with the --extras that you use"
            )
        return f"run '{self._pip} --force-reinstall {packages}'"

    def add(self, packages: str) -> str:
        """What puts single packages right that are part of the environment. ``packages``: their
        requirements and options for pip."""
        return f"run '{self._pip} {packages}'"

    def add_extra(self, name: str) -> str:
        """What installs an extra of the project, as 'notify'."""
        if self.kind == "checkout":
            if name == "cluster":
                return "run 'make cluster', which installs it"
            return "run 'make venv', which installs it"
        if self.kind == "service":
            return (
                f"as root, in this version's checkout, run 'systemd/install.sh --extras {name}'"
                " (with the other extras that you use, and commas between them)"
            )
        return f"run '{self._pip} heygem-daemon[{name}]'"

    @property
    def _pip(self) -> str:
        return f"{self.prefix}/bin/python -m pip install"


def find_installation(
    package: Path = PACKAGE, prefix: Path | None = None, service: Path = SERVICE
) -> Installation:
    """Return how the program in the folder ``package`` is installed. ``prefix``: the environment
    that it runs in; None: this process's."""
    environment = prefix or Path(sys.prefix)
    if (package.parent / MAKEFILE).is_file() and (package.parent / "pyproject.toml").is_file():
        return Installation("checkout", environment)
    is_service = (service / "releases") in environment.resolve().parents
    return Installation("service" if is_service else "package", environment)


def as_sentence(clause: str) -> str:
    """Return a clause as a sentence."""
    return f"{clause[:1].upper()}{clause[1:]}."


def shipped_weights() -> Path:
    """Return the folder of the weights that come with the program, in a checkout or an installed
    package."""
    # First within the package: beside an installed one, a folder of this name is somebody else's.
    within = PACKAGE / "weights"
    return within if within.is_dir() else PACKAGE.parent / "weights"
