"""Each shell completes commands, options and their values."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.completion import FOLDER

ZSH = Path(__file__).with_name("complete.zsh")


def in_bash(*words: str) -> str:
    """Return what bash offers for the last of ``words``, a line for each."""
    script = (
        f'source "{FOLDER}/heygem-daemon"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1));'
        ' _heygem_daemon; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return run("bash", "-c", script, "bash", "heygem-daemon", *words)


def in_zsh(*words: str) -> str:
    return run("zsh", "-f", str(ZSH), str(FOLDER), " ".join(words))


def in_fish(*words: str) -> str:
    line = " ".join(("heygem-daemon", *words))
    script = f"source {FOLDER}/heygem-daemon.fish; complete -C '{line}'"
    offered = run("fish", "--no-config", "-c", script).splitlines()
    return "\n".join(each.partition("\t")[0] for each in offered)


def run(*command: str) -> str:
    done = subprocess.run(
        command, cwd=FOLDER.parent, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout


SHELLS: dict[str, Callable[..., str]] = {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}

CASES: list[tuple[list[str], set[str]]] = [
    (["st"], {"status"}),
    (["config", ""], {"check", "show"}),
    (["--spool", "/srv", "weights", "v"], {"verify"}),
    (["status", "--last", "3", "--js"], {"--json"}),
    (["run", "--codec", ""], {"h264", "hevc", "prores"}),
    (["submit", "--audio", "o"], {"own"}),
    (["submit", "--gpu"], set()),
    (["run", "--chunk-s"], {"--chunk-seconds"}),
    (
        ["run", "--no-s"],
        {"--no-share-chunks", "--no-share-requests", "--no-status-page", "--no-strip"},
    ),
    (["run", "--chunk-seconds", ""], set()),
    (["version", "--chunk"], set()),
    (["run", "--config", "wav"], {"wav2lip.md"}),
    (["submit", "mark"], {"marking.md"}),
]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("words", "offered"), CASES, ids=[" ".join(words) for words, _ in CASES])
def test_a_shell_completes(shell: str, words: list[str], offered: set[str]) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed here")
    if shell == "zsh" and words[0].startswith("-"):
        pytest.skip("zsh wants the command first")
    found = set(SHELLS[shell](*words).split())
    if shell == "bash" and words == ["config", ""]:
        found &= offered  # bash offers files, too
    assert found == offered
