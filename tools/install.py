"""Set up a virtual environment with the torch build that fits this machine.

Any Python 3.11 or newer runs it, with nothing installed: ``python3 tools/install.py .venv``.
``make`` calls it every time; if the constraints have not changed it does nothing. An interrupted
set-up starts from the beginning, and so does one whose Python was upgraded. If several run at once,
one works while the others wait.

The default package index offers one torch build for Linux, which depends on several gigabytes of
CUDA libraries. Before anything large is downloaded, a dry run of pip reads the metadata of what it
would install. On a machine without an NVIDIA GPU, a build that needs CUDA is rejected, and the CPU
build is downloaded from PyTorch's own index.

``--newest`` ignores constraints.txt: it installs the newest releases that pyproject.toml admits,
once a day. ``make test-newest`` runs the tests on them.
"""

import argparse
import datetime
import fcntl
import json
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
INDEX_TIMEOUT_SECONDS = "20"
SHOWN_LINES = 30
"""How many lines of pip's output a failure shows."""


class InstallError(Exception):
    """The set-up cannot go on; the message says what a person should do."""


@dataclass(frozen=True)
class Choice:
    """What a person asked for."""

    with_dev: bool = True
    """Whether the test tools and what tests need of the extras are installed, too."""
    newest: bool = False
    """Whether to install the newest releases instead of the pinned ones."""
    cuda: bool = False
    """Whether to install torch for CUDA on a machine without an NVIDIA GPU."""
    service: bool = False
    """Whether to install the project as a wheel, which needs the checkout no more."""
    extras: str = ""
    """The extras of the project to install with ``service``, as 'c2pa,heic'."""
    system_packages: bool = False
    """Whether the environment has the packages that are installed for the system's Python."""

    def digest(self) -> str:
        """Return a text that changes whenever an environment of this choice is out of date."""
        state = CONSTRAINTS.read_bytes() + (ROOT / "pyproject.toml").read_bytes()
        day = datetime.datetime.now(datetime.UTC).date() if self.newest else None
        return sha256(state + repr((self, day)).encode()).hexdigest()


class Installer(Protocol):
    """An environment, as ``install_torch`` uses it."""

    def install(self, *arguments: str) -> None:
        """Run ``pip install`` with the constraints. Raises InstallError."""

    def requirement(self, name: str) -> str:
        """Return the requirement of package ``name``, which pip accepts."""

    def has(self, requirement: str) -> bool:
        """Whether ``name==version`` is installed, in any build."""

    def wants_cuda(self, requirement: str) -> bool:
        """Whether the build on the configured index depends on CUDA packages."""


class Environment:
    """A virtual environment and its pip.

    ``newest``: it holds the newest releases instead of those that constraints.txt pins.
    ``system_packages``: it also has what is installed for the system's Python, pip included.
    """

    def __init__(self, folder: Path, newest: bool = False, system_packages: bool = False) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.newest = newest
        self.system_packages = system_packages

    def create(self) -> None:
        """Make the environment, with pip; delete what an interrupted set-up left."""
        if self.folder.exists() and not (self.folder / "pyvenv.cfg").exists():
            raise InstallError(f"{self.folder} exists and is not a virtual environment: remove it")
        try:
            venv.create(
                self.folder,
                clear=True,
                symlinks=True,
                with_pip=not (self.system_packages and find_spec("pip")),
                system_site_packages=self.system_packages,
            )
        except (subprocess.CalledProcessError, ImportError) as error:
            raise InstallError(
                "this Python cannot create virtual environments; on Debian and Ubuntu: "
                "apt install python3-venv"
            ) from error

    def runs(self) -> bool:
        """Whether its Python starts and finds what was installed. Once the Python that it was made
        with has been removed or upgraded, it does not."""
        if not self.python.exists():
            return False
        done = subprocess.run(
            [self.python, "-c", "import pip"], check=False, stderr=subprocess.DEVNULL
        )
        return done.returncode == 0

    def pip(self, *arguments: str) -> None:
        """Run pip. Raises InstallError with its output if it fails."""
        command = [str(self.python), "-m", "pip", "--disable-pip-version-check", *arguments]
        done = subprocess.run(
            command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode != 0:
            # The last lines have the reason; those before them say what was fetched.
            lines = done.stdout.strip().splitlines()[-SHOWN_LINES:]
            raise InstallError("\n".join((f"pip {' '.join(arguments)}", *lines)))

    def install(self, *arguments: str) -> None:
        newest = ("--upgrade", "--upgrade-strategy=eager")
        which = newest if self.newest else ("--constraint", str(CONSTRAINTS))
        # Not --quiet: pip would keep back which requirement cannot be met.
        self.pip("install", *which, *arguments)

    def requirement(self, name: str) -> str:
        return admitted(name) if self.newest else pinned(name)

    def has(self, requirement: str) -> bool:
        if "==" not in requirement:
            return False  # a newer release may have been published
        name, version = requirement.split("==")
        code = (
            "import sys, importlib.metadata as m\n"
            "try: found = m.version(sys.argv[1]).split('+')[0]\n"
            "except m.PackageNotFoundError: found = ''\n"
            "sys.exit(found != sys.argv[2])"
        )
        return subprocess.run([self.python, "-c", code, name, version], check=False).returncode == 0

    def wants_cuda(self, requirement: str) -> bool:
        report = self.folder / "torch-report.json"
        self.pip(
            "install", "--quiet", "--dry-run", "--no-deps", "--ignore-installed",
            "--report", str(report), requirement,
        )  # fmt: skip
        metadata = json.loads(report.read_text())["install"][0]["metadata"]
        report.unlink()
        return any(
            requirement.lower().startswith(("nvidia-", "cuda-"))
            for requirement in metadata.get("requires_dist", [])
        )


def has_nvidia_gpu() -> bool:
    """Whether the kernel driver of an NVIDIA GPU is loaded."""
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/proc/driver/nvidia/version").exists()


def pinned(name: str) -> str:
    """Return the requirement ``name==version`` that constraints.txt pins."""
    for line in CONSTRAINTS.read_text().splitlines():
        if line.lower().startswith(f"{name}=="):
            return line.strip()
    raise InstallError(f"constraints.txt does not pin {name}")


def admitted(name: str) -> str:
    """Return the requirement of ``name`` in pyproject.toml; its bare name where there is none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = [each for each in project["dependencies"] if each.startswith(f"{name}>")]
    return str(found[0]) if found else name


def install_torch(environment: Installer, gpu: bool) -> None:
    """Install torch in the build for a machine with or without an NVIDIA GPU."""
    requirement = environment.requirement("torch")
    if environment.has(requirement):
        return
    if gpu:
        say("NVIDIA GPU found: downloading torch with CUDA (several gigabytes)")
        environment.install(requirement)
        return
    say("no NVIDIA GPU: downloading the CPU build of torch (about 190 MB)")
    if not environment.wants_cuda(requirement):
        environment.install(requirement)
        return
    # Only torch itself: its dependencies are installed with the project, from the default index,
    # which has the pinned versions.
    try:
        environment.install(
            "--no-deps", "--index-url", CPU_INDEX, "--timeout", INDEX_TIMEOUT_SECONDS,
            "--retries", "1", requirement,
        )  # fmt: skip
    except InstallError as error:
        raise InstallError(
            f"{error}\nThe CPU build of torch could not be downloaded from {CPU_INDEX}. If this "
            "machine cannot reach it, put the wheel into a folder and run this again with "
            "PIP_FIND_LINKS=FOLDER."
        ) from error


def install(folder: Path, choice: Choice) -> None:
    """Make the environment in ``folder`` match constraints.txt and pyproject.toml."""
    digest = choice.digest()
    stamp = folder / "installed"
    environment = Environment(folder, choice.newest, choice.system_packages)
    if is_finished(stamp, digest) and environment.runs():
        return
    with locked(folder):
        usable = stamp.exists() and environment.runs()
        if usable and is_finished(stamp, digest):
            return
        if usable:
            stamp.unlink()
        else:
            say(f"setting up {folder}")
            environment.create()
        fill(environment, choice)
        stamp.write_text(digest)


def fill(environment: Environment, choice: Choice) -> None:
    """Install torch, the project and their dependencies."""
    # pip before 23.2 downloads a whole wheel to read its metadata.
    environment.install("--upgrade", *map(environment.requirement, ("pip", "setuptools")))
    install_torch(environment, choice.cuda or has_nvidia_gpu())
    say("downloading everything else")
    if choice.service:
        install_wheel(environment, choice.extras)
    else:
        project = f"{ROOT}[dev,c2pa,heic,notify]" if choice.with_dev else str(ROOT)
        environment.install("--no-build-isolation", "--editable", project)
    # torchaudio pins a torch of another build; its pure-Python parts run with any.
    environment.install("--no-deps", environment.requirement("torchaudio"))


def install_wheel(environment: Environment, extras: str) -> None:
    """Build the project's wheel and install it, with its dependencies. Raises InstallError."""
    with tempfile.TemporaryDirectory(prefix="heygem-install-") as name:
        wheel = build_wheel(environment, Path(name))
        environment.install(f"{wheel}[{extras}]" if extras else wheel)
        # pip takes a copy of the same version among the system's packages for this one.
        environment.install("--no-deps", "--force-reinstall", wheel)


def build_wheel(environment: Environment, folder: Path) -> str:
    """Build the project's wheel in ``folder`` and return its path. Raises InstallError."""
    command = [str(environment.python), str(ROOT / "tools" / "wheel.py"), str(folder)]
    done = subprocess.run(command, check=False, text=True, capture_output=True)
    if done.returncode != 0:
        raise InstallError(f"{done.stdout}{done.stderr}".strip())
    return done.stdout.strip()


def is_finished(stamp: Path, digest: str) -> bool:
    """Whether ``stamp`` says that a set-up of ``digest`` has finished."""
    return stamp.exists() and stamp.read_text() == digest


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other process sets ``folder`` up. The lock is released with the process."""
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def say(line: str) -> None:
    """Print a line at once, because the next step takes long."""
    print(line, flush=True)


def main() -> int:
    """Entry point. Returns 0 if the environment is ready, 1 after printing a reason."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="the virtual environment to create or complete")
    parser.add_argument(
        "--no-dev", action="store_true", help="install neither test tools nor extras"
    )
    parser.add_argument(
        "--newest", action="store_true", help="the newest releases instead of the pinned ones"
    )
    parser.add_argument(
        "--cuda", action="store_true", help="torch for CUDA, although there is no NVIDIA GPU"
    )
    parser.add_argument(
        "--service", action="store_true", help="the project as a wheel, without test tools"
    )
    parser.add_argument("--extras", default="", help="with --service: extras, as c2pa,heic")
    parser.add_argument(
        "--system-packages", action="store_true", help="use what the system's Python has"
    )
    arguments = parser.parse_args()
    if sys.version_info < (3, 11):  # noqa: UP036 - whatever python3 is on the path runs this
        print(
            "set-up failed: Python 3.11 or newer is needed: make PYTHON=python3.11 ...",
            file=sys.stderr,
        )
        return 1
    try:
        choice = Choice(
            with_dev=not (arguments.no_dev or arguments.service),
            newest=arguments.newest,
            cuda=arguments.cuda,
            service=arguments.service,
            extras=arguments.extras,
            system_packages=arguments.system_packages,
        )
        install(arguments.folder.absolute(), choice)
    except InstallError as error:
        print(f"set-up failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up interrupted; the next one starts from the beginning", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
