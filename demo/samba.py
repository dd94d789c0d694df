"""Serve the folders of a spool with the shipped smb.conf, on the loopback, at a free port.

``make share-demo`` and the tests in tests/share use it.
"""

import getpass
import grp
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parent.parent / "docs" / "samba" / "smb.conf"
PEOPLE_EXAMPLE = EXAMPLE.with_name("people.conf")
EXAMPLE_SPOOL = "/srv/heygem"
"""The spool in the example."""

SHARES = ("inbox", "outbox", "done", "failed")
PASSWORD = "on this machine only"
START_SECONDS = 30.0
BLOCK = 8192
SYSTEM_FOLDERS = ":/usr/sbin:/usr/local/sbin"


def missing() -> str | None:
    """Return what prevents a share on this machine, as a sentence; None if nothing does."""
    tools = [name for name in ("smbd", "smbclient", "smbcacls", "smbpasswd") if not _program(name)]
    if tools:
        return f"missing: {', '.join(tools)} (Debian: apt install samba smbclient)"
    return None if os.geteuid() == 0 else "smbd must be started by root"


@dataclass(frozen=True, slots=True)
class Client:
    """smbclient, which acts as the user's machine.

    The first component of a path is the share: ``inbox/talk.wav``.
    """

    port: int
    folder: Path
    user: str = field(default_factory=getpass.getuser)

    def as_user(self, user: str) -> "Client":
        """Return a client of another user."""
        return replace(self, user=user)

    def upload(self, source: Path, target: str, bytes_a_second: float) -> None:
        """Copy a file to ``target`` at ``bytes_a_second``."""
        share, _, path = target.partition("/")
        # A small iosize: otherwise smbclient gathers megabytes before it sends any.
        command = self._command(share, f'iosize {BLOCK}; put - "{path}"')
        process = subprocess.Popen(command, stdin=subprocess.PIPE, text=False)
        if process.stdin is None:
            raise RuntimeError("smbclient was started with a pipe")
        with source.open("rb") as file, process.stdin as pipe:
            while block := file.read(BLOCK):
                pipe.write(block)
                pipe.flush()
                time.sleep(len(block) / bytes_a_second)
        if process.wait() != 0:
            raise RuntimeError(f"smbclient could not upload {target}")

    def start_upload(self, target: str) -> "subprocess.Popen[bytes]":
        """Start to copy what is written to the process's stdin to ``target``."""
        share, _, path = target.partition("/")
        # A small iosize: otherwise smbclient gathers megabytes before it sends any.
        command = self._command(share, f'iosize {BLOCK}; put - "{path}"')
        return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)

    @contextmanager
    def uploading(self, source: Path, target: str) -> Iterator[None]:
        """Copy half of a file to ``target``, and the rest after the block."""
        process = self.start_upload(target)
        if process.stdin is None:
            raise RuntimeError("smbclient was started with a pipe")
        data = source.read_bytes()
        with process.stdin as pipe:
            pipe.write(data[: len(data) // 2])
            pipe.flush()
            yield
            pipe.write(data[len(data) // 2 :])
        if process.wait() != 0:
            raise RuntimeError(f"smbclient could not upload {target}")

    def download(self, source: str, target: Path) -> None:
        """Copy the file ``source`` to the local file ``target``."""
        share, _, path = source.partition("/")
        self.run(share, f'get "{path}" "{target}"')

    def run(self, share: str, command: str) -> str:
        """Run commands of smbclient in a share and return their output. Raises
        CalledProcessError."""
        return _output(self._command(share, command))

    def try_out(self, share: str, command: str) -> str:
        """Run commands of smbclient in a share and return their output, also if they fail."""
        try:
            return self.run(share, command)
        except subprocess.CalledProcessError as error:
            return str(error.output)

    def shares(self) -> set[str]:
        """Return the names of the shares of folders that the server lists."""
        listing = _output([_found("smbclient"), "--list=127.0.0.1", "--grepable", *self._access()])
        fields = (line.split("|") for line in listing.splitlines())
        return {each[1] for each in fields if each[0] == "Disk"}

    def set_permissions(self, share: str, path: str, entry: str) -> str:
        """Change the access control list of a file, as the security dialog of Windows does. Raises
        CalledProcessError."""
        command = [_found("smbcacls"), f"//127.0.0.1/{share}", path, "--set", entry]
        return _output([*command, *self._access()])

    def _command(self, share: str, command: str) -> list[str]:
        address = f"//127.0.0.1/{share}"
        return [_found("smbclient"), address, *self._access(), "--command", command]

    def _access(self) -> list[str]:
        user = f"--user={self.user}%{PASSWORD}"
        return [f"--port={self.port}", "--configfile", str(self.folder / "smb.conf"), user]


@contextmanager
def shared(
    spool: Path,
    folder: Path,
    with_options: bool = False,
    users: Sequence[str] = (),
    people: Sequence[str] = (),
) -> Iterator[Client]:
    """Serve ``spool`` with the shipped example, with all of Samba's own files in ``folder``.

    ``with_options`` turns on the lines that are commented out in the example. ``users``: accounts
    of this machine that may use the shares; the client is the first of them, and without any the
    user of this process. ``people``: accounts that have folders of their own, and use no other
    share; without any, there are no such shares. The group of the folder ``spool`` is the one that
    the example forces. Raises RuntimeError with Samba's log if Samba does not start.
    """
    port = _free_port()
    file = folder / "smb.conf"
    accounts = tuple(users) or (getpass.getuser(),)
    replaced = {
        "valid users": ", ".join(accounts),
        "force group": grp.getgrgid(spool.stat().st_gid).gr_name,
    }
    example = EXAMPLE.read_text().replace(EXAMPLE_SPOOL, str(spool))
    text = _private(example, replaced, _overrides(folder, port), with_options)
    if people:
        own = PEOPLE_EXAMPLE.read_text().replace(EXAMPLE_SPOOL, str(spool))
        text += _private(own, replaced | {"valid users": ", ".join(people)}, {}, with_options)
    file.write_text(text)
    for user in (*accounts, *people):
        _add_user(file, user)
    log = folder / "smbd.log"
    command = [_found("smbd"), "--foreground", "--no-process-group", "--debug-stdout"]
    command += ["--configfile", str(file)]
    with log.open("wb") as output:
        # In a session of its own: at its end smbd sends SIGTERM to all of its process group.
        server = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        _wait_for(port, server, log)
        yield Client(port, folder, accounts[0])
    finally:
        server.terminate()
        server.wait()


def _private(
    example: str, replaced: Mapping[str, str], added: Mapping[str, object], with_options: bool
) -> str:
    """Return the example with ``replaced`` parameters, and others ``added`` to [global]."""
    lines = []
    for line in example.splitlines():
        active = line.removeprefix(";") if with_options else line
        key = active.partition("=")[0].strip()
        lines.append(f"   {key} = {replaced[key]}" if key in replaced else active)
        if active.strip() == "[global]":
            lines += [f"   {name} = {value}" for name, value in added.items()]
    return "\n".join(lines) + "\n"


def _overrides(folder: Path, port: int) -> dict[str, object]:
    """Return parameters that keep Samba away from this machine's own Samba files and network."""
    places = {f"{name} directory": folder / name for name in ("lock", "state", "cache", "pid")}
    places |= {"private dir": folder / "private", "ncalrpc dir": folder / "ncalrpc"}
    for path in places.values():
        path.mkdir(exist_ok=True)
    return {
        **places,
        "passdb backend": f"tdbsam:{folder / 'private' / 'passdb.tdb'}",
        "smb ports": port,
        "interfaces": "lo",
        "bind interfaces only": "yes",
    }


def _output(command: list[str]) -> str:
    return subprocess.check_output(command, text=True, stderr=subprocess.STDOUT)


def _add_user(file: Path, user: str) -> None:
    command = [_found("smbpasswd"), "-c", str(file), "-s", "-a", user]
    passwords = f"{PASSWORD}\n{PASSWORD}\n"
    subprocess.run(command, input=passwords, text=True, check=True, stdout=subprocess.DEVNULL)


def _wait_for(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"smbd does not answer:\n{log.read_text(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=SYSTEM_FOLDERS)


def _found(name: str) -> str:
    program = _program(name)
    if program is None:
        raise RuntimeError(missing() or name)
    return program
