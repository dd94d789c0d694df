"""The real readings of a driver library that the tests have put in the way, on a clock of theirs.

Each line of the input is ``[what, seconds]``, each of the output a JSON object.
"""

import dataclasses
import json
import sys
from pathlib import Path

from heygem_daemon.gpu.nvml import Nvml


def library() -> str:
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return next((line.split()[-1] for line in lines if "libnvidia-ml" in line), "")


def main() -> None:
    now = [0.0]
    bound = Path(sys.argv[1])
    nvml = Nvml(lambda: now[0], bound)
    for line in sys.stdin:
        what, now[0] = json.loads(line)
        answer: dict[str, object] = {}
        if what == "begin":
            nvml.close()
            nvml = Nvml(lambda: now[0], bound)
        elif what == "library":
            answer["path"] = library()
        else:
            answer = dataclasses.asdict(nvml.read())
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


main()
