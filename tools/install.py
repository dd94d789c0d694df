"""Set up a virtual environment with the torch build that fits this machine.

Run by any Python 3.11 or newer, with nothing installed: ``python3 tools/install.py .venv``.
``make`` calls it once; a second call with the same constraints does nothing.

The default package index offers one torch build for Linux, and that one depends on several
gigabytes of CUDA libraries. So before anything large is fetched, pip is asked (metadata only)
what it would install: on a machine without an NVIDIA GPU a build that wants CUDA is declined and
the CPU build is taken from PyTorch's own index instead.
"""

import argparse
import json
import subprocess
import sys
import venv
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
INDEX_TIMEOUT_SECONDS = "20"


class InstallError(Exception):
    """The set-up cannot go on; the message says what a person should do."""


def has_nvidia_gpu() -> bool:
    """Whether the kernel driver of an NVIDIA GPU is at work here."""
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/proc/driver/nvidia/version").exists()


def pinned(name: str) -> str:
    """The requirement ``name==version`` as constraints.txt pins it."""
    for line in CONSTRAINTS.read_text().splitlines():
        if line.lower().startswith(f"{name}=="):
            return line.strip()
    raise InstallError(f"constraints.txt does not pin {name}")


class Environment:
    """A virtual environment and its pip."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"

    def create(self) -> None:
        if self.python.exists():
            return
        try:
            venv.create(self.folder, with_pip=True)
        except (subprocess.CalledProcessError, ImportError) as error:
            raise InstallError(
                "this Python cannot make virtual environments; on Debian and Ubuntu: "
                "apt install python3-venv"
            ) from error

    def pip(self, *arguments: str) -> None:
        command = [str(self.python), "-m", "pip", "--disable-pip-version-check", *arguments]
        if subprocess.run(command, check=False).returncode != 0:
            raise InstallError(f"failed: pip {' '.join(arguments)}")

    def install(self, *arguments: str) -> None:
        self.pip("install", "--quiet", "--constraint", str(CONSTRAINTS), *arguments)

    def has(self, requirement: str) -> bool:
        """Whether ``name==version`` is installed, in whatever build."""
        name, version = requirement.split("==")
        code = (
            "import sys, importlib.metadata as m\n"
            "try: found = m.version(sys.argv[1]).split('+')[0]\n"
            "except m.PackageNotFoundError: found = ''\n"
            "sys.exit(found != sys.argv[2])"
        )
        return subprocess.run([self.python, "-c", code, name, version], check=False).returncode == 0

    def wants_cuda(self, requirement: str) -> bool:
        """Whether the build that the configured index offers depends on CUDA packages."""
        report = self.folder / "torch-report.json"
        self.pip(
            "install", "--quiet", "--dry-run", "--no-deps", "--ignore-installed",
            "--report", str(report), requirement,
        )  # fmt: skip
        found = json.loads(report.read_text())["install"][0]["metadata"]
        report.unlink()
        return any(
            need.lower().startswith(("nvidia-", "cuda-")) for need in found.get("requires_dist", [])
        )


def install_torch(environment: Environment) -> None:
    """Install the pinned torch in the build that fits this machine."""
    requirement = pinned("torch")
    if environment.has(requirement):
        return
    if has_nvidia_gpu():
        print("NVIDIA GPU found: installing torch with CUDA")
        environment.install(requirement)
        return
    if not environment.wants_cuda(requirement):
        print("No NVIDIA GPU: installing the CPU build of torch")
        environment.install(requirement)
        return
    print("No NVIDIA GPU: installing the CPU build of torch from PyTorch's index")
    # Only torch itself: what it needs comes with the project, from the index that has the pins.
    try:
        environment.install(
            "--no-deps", "--index-url", CPU_INDEX, "--timeout", INDEX_TIMEOUT_SECONDS,
            "--retries", "1", requirement,
        )  # fmt: skip
    except InstallError as error:
        raise InstallError(
            f"the CPU build of torch could not be fetched from {CPU_INDEX}. "
            f"Install it by hand ({environment.python} -m pip install {requirement}) "
            "and run this again"
        ) from error


def install(folder: Path, with_dev: bool) -> None:
    """Bring the environment in ``folder`` to what constraints.txt and pyproject.toml say."""
    state = CONSTRAINTS.read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    fingerprint = sha256(state + bytes([with_dev])).hexdigest()
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == fingerprint:
        return
    environment = Environment(folder)
    environment.create()
    # pip before 23.2 downloads a whole wheel to read its metadata.
    environment.install("--upgrade", pinned("pip"), pinned("setuptools"))
    install_torch(environment)
    project = f"{ROOT}[dev]" if with_dev else str(ROOT)
    environment.install("--no-build-isolation", "--editable", project)
    # torchaudio pins a torch of another build; its pure-Python parts run with any.
    environment.install("--no-deps", pinned("torchaudio"))
    stamp.write_text(fingerprint)


def main() -> int:
    """Entry point; 0 when the environment is ready, 1 with a reason when it is not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="the virtual environment to make or complete")
    parser.add_argument("--no-dev", action="store_true", help="leave the test tools out")
    arguments = parser.parse_args()
    try:
        install(arguments.folder, not arguments.no_dev)
    except InstallError as error:
        print(f"set-up failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
