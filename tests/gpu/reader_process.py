"""Reads GPUs with the real ``Nvml`` from the tests' driver library, on the tests' clock.

Each line of input is a JSON array ``[command, seconds]``, each line of output a JSON object.
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
        command, now[0] = json.loads(line)
        answer: dict[str, object] = {}
        if command == "restart":
            nvml.close()
            nvml = Nvml(lambda: now[0], bound)
        elif command == "library":
            answer["path"] = library()
        else:
            answer = dataclasses.asdict(nvml.read())
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


main()
