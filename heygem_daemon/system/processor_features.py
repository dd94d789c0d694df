"""What kind of processor this machine has, as the kernel says."""

from pathlib import Path

from heygem_daemon.system.host_memory import PROC


def describe_processor(proc: Path = PROC) -> str:
    """Return the processor's model and features; ``platform.processor`` is empty on Linux."""
    values = _read(proc)
    return " ".join(values.get(key, "") for key in ("model name", "flags", "Features")).strip()


def processor_features(proc: Path = PROC) -> frozenset[str]:
    """Return the processor's features by the kernel's names, such as 'avx2'; none where it does not
    say."""
    return frozenset(_read(proc).get("flags", "").partition(":")[2].split())


def _read(proc: Path) -> dict[str, str]:
    """Return the lines on the last processor by what they are about."""
    file = proc / "cpuinfo"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {line.partition(":")[0].strip(): line for line in lines}
