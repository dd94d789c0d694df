import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(code: str, *path: Path) -> str:
    """Return what ``code`` prints in a new interpreter with ``path`` first on its search path."""
    setup = f"import sys; sys.path[:0] = {[str(folder) for folder in (*path, ROOT)]!r}\n"
    command = [sys.executable, "-c", setup + code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_pure_functions_work_and_those_that_need_the_extension_raise() -> None:
    output = run(
        "from heygem_daemon.speech.torchaudio_pure import import_functional as functional\n"
        "banks = functional().melscale_fbanks(201, 0.0, 8000.0, 80, 16000)\n"
        "print(tuple(banks.shape), functional() is functional())\n"
        "try: functional().forced_align(None, None)\n"
        "except RuntimeError as error: print(error)"
    )
    assert output == "(201, 80) True\nforced_align needs torchaudio's compiled extension\n"


def test_the_module_itself_imports_nothing_and_replaces_nothing() -> None:
    assert "False" in run(
        "import sys, heygem_daemon.speech.torchaudio_pure\n"
        "print(any(name.startswith('torchaudio') for name in sys.modules))"
    )


ATTEMPT = (
    "import sys\n"
    "from heygem_daemon.errors import EnvironmentFault\n"
    "from heygem_daemon.speech import torchaudio_pure\n"
    "{setup}"
    "try: torchaudio_pure.import_functional()\n"
    "except EnvironmentFault as error: print(error)\n"
    "print(sorted(name for name in sys.modules if name.startswith('torchaudio.')))"
)


def test_a_broken_torchaudio_is_an_environment_fault_with_a_remedy(tmp_path: Path) -> None:
    package = tmp_path / "torchaudio"
    package.mkdir()
    (package / "__init__.py").write_text("raise OSError('no such library')")
    output = run(ATTEMPT.format(setup=""), tmp_path)
    assert "no such library" in output
    assert "pip install --no-deps torchaudio" in output
    assert output.endswith("[]\n")


def test_a_missing_torchaudio_is_an_environment_fault_with_a_remedy(tmp_path: Path) -> None:
    hide = (
        "class Hidden:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torchaudio': raise ModuleNotFoundError('No module named torchaudio')\n"
        "sys.meta_path.insert(0, Hidden())\n"
    )
    output = run(ATTEMPT.format(setup=hide), tmp_path)
    assert "No module named torchaudio" in output
    assert "pip install --no-deps torchaudio" in output
    assert output.endswith("[]\n")
