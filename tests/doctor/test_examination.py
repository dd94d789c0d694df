"""The whole examination, on this machine."""

import subprocess
import sys
from pathlib import Path

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"


def test_this_machine_is_examined_without_importing_what_is_examined(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path;"
        " from heygem_daemon.doctor.examination import examine;"
        " checks = examine(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), 'cpu');"
        " assert not {'torch', 'av', 'numpy'} & set(sys.modules);"
        " print(*(f'{check.name}: {check.verdict}' for check in checks), sep=chr(10))"
    )
    arguments = [str(tmp_path), str(WEIGHTS), str(tmp_path / "logs")]
    child = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    verdicts = dict(line.split(": ") for line in child.stdout.splitlines())
    for name in ("Python", "torch", "torchaudio", "encoder", "placement", "inbox", "log folder"):
        assert verdicts[name] == "pass", name
