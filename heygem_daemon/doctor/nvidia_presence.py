"""What the kernel's files show of NVIDIA hardware and its driver, without calling the driver.

A driver that is missing, not loaded, or not passed into a container cannot report why.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

NVIDIA_PCI_VENDOR = "0x10de"
"""NVIDIA's vendor number on the PCI bus."""
DISPLAY_PCI_CLASS = "0x03"
"""The PCI class of display controllers, to which all NVIDIA GPUs belong."""
CONTAINER_MARKS = {".dockerenv": "Docker", "run/.containerenv": "Podman"}
"""Files that Docker and Podman put into each container."""
CONTROL_GROUPS = {
    "docker": "Docker",
    "kubepods": "Kubernetes",
    "containerd": "containerd",
    "lxc": "LXC",
    "libpod": "Podman",
}
"""Parts of control group names, and the kind of container that they show."""


@dataclass(frozen=True, slots=True)
class NvidiaPresence:
    """Which parts of NVIDIA hardware and driver are there."""

    pci_addresses: tuple[str, ...] = ()
    """PCI addresses of NVIDIA GPUs."""
    module_version: str | None = None
    """Version of the loaded kernel module; None where none is loaded."""
    has_nouveau: bool = False
    """Whether the kernel's own driver, nouveau, is loaded."""
    device_files: tuple[str, ...] = ()
    """Names of NVIDIA's files in /dev."""
    inaccessible_files: tuple[str, ...] = ()
    """Those that this user may not open."""
    container: str | None = None
    """What kind of container this is; None outside of one."""


def detect_nvidia(root: Path = Path("/")) -> NvidiaPresence:
    """Read the kernel's files below ``root``; raises nothing."""
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
    """Find the version in 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun …'."""
    found = re.search(r"\b\d{3,4}(?:\.\d+)+\b", _text(version))
    return found[0] if found else None


def _container(root: Path) -> str | None:
    for mark, name in CONTAINER_MARKS.items():
        if (root / mark).exists():
            return name
    if name := _text(root / "run/systemd/container"):  # systemd-nspawn, LXC
        return name
    groups = _text(root / "proc/1/cgroup")
    return next((name for part, name in CONTROL_GROUPS.items() if part in groups), None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
