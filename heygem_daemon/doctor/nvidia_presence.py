"""What the machine shows of NVIDIA hardware and its driver, without asking the driver itself.

A driver that is missing, not loaded, or kept out of a container cannot tell why it is silent.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

NVIDIA_PCI_VENDOR = "0x10de"
"""Its vendor number on the PCI bus."""
DISPLAY_PCI_CLASS = "0x03"
"""The PCI class of display controllers, which all NVIDIA GPUs are in."""
CONTAINER_MARKS = {".dockerenv": "Docker", "run/.containerenv": "Podman"}
"""Files that the two put into each of their containers."""
CONTROL_GROUPS = {
    "docker": "Docker",
    "kubepods": "Kubernetes",
    "containerd": "containerd",
    "lxc": "LXC",
    "libpod": "Podman",
}


@dataclass(frozen=True, slots=True)
class NvidiaPresence:
    """``cards``: PCI addresses of NVIDIA's GPUs. ``module``: version of the loaded kernel module,
    None where none is loaded. ``nouveau``: whether the kernel's own driver holds them.
    ``nodes``: NVIDIA's device files; ``closed``: those that this user may not open.
    ``container``: what kind of container this is, None outside of one."""

    pci_addresses: tuple[str, ...] = ()
    module_version: str | None = None
    has_nouveau: bool = False
    device_files: tuple[str, ...] = ()
    inaccessible_files: tuple[str, ...] = ()
    container: str | None = None


def detect_nvidia(root: Path = Path("/")) -> NvidiaPresence:
    """Look at the kernel's files; raises nothing."""
    nodes = sorted((root / "dev").glob("nvidia*"))
    files = [node for node in nodes if not node.is_dir()]
    return NvidiaPresence(
        pci_addresses=tuple(_cards(root / "sys/bus/pci/devices")),
        module_version=_module(root / "proc/driver/nvidia/version"),
        has_nouveau=(root / "sys/module/nouveau").is_dir(),
        device_files=tuple(node.name for node in files),
        inaccessible_files=tuple(
            node.name for node in files if not os.access(node, os.R_OK | os.W_OK)
        ),
        container=_container(root),
    )


def _cards(devices: Path) -> list[str]:
    return [
        card.name
        for card in (sorted(devices.iterdir()) if devices.is_dir() else [])
        if _text(card / "vendor") == NVIDIA_PCI_VENDOR
        and _text(card / "class").startswith(DISPLAY_PCI_CLASS)
    ]


def _module(version: Path) -> str | None:
    """From a line as 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul …'."""
    found = re.search(r"\b\d{3,4}(?:\.\d+)+\b", _text(version))
    return found[0] if found else None


def _container(root: Path) -> str | None:
    for mark, name in CONTAINER_MARKS.items():
        if (root / mark).exists():
            return name
    told = _text(root / "run/systemd/container")  # systemd-nspawn, LXC
    if told:
        return told
    groups = _text(root / "proc/1/cgroup")
    return next((name for part, name in CONTROL_GROUPS.items() if part in groups), None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
