"""What the kernel's files show of NVIDIA hardware and its driver."""

from pathlib import Path

from heygem_daemon.doctor.nvidia_presence import NvidiaPresence, detect_nvidia


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def card(root: Path, address: str, vendor: str, kind: str) -> None:
    write(root / "sys/bus/pci/devices" / address / "vendor", f"{vendor}\n")
    write(root / "sys/bus/pci/devices" / address / "class", f"{kind}\n")


def test_an_empty_machine_shows_nothing(tmp_path: Path) -> None:
    assert detect_nvidia(tmp_path) == NvidiaPresence()


def test_nvidia_gpus_are_distinguished_from_sound_devices_and_other_gpus(tmp_path: Path) -> None:
    card(tmp_path, "0000:01:00.0", "0x10de", "0x030200")
    card(tmp_path, "0000:01:00.1", "0x10de", "0x040300")
    card(tmp_path, "0000:02:00.0", "0x8086", "0x030000")
    assert detect_nvidia(tmp_path).pci_addresses == ("0000:01:00.0",)


def test_a_loaded_driver_shows_its_version_and_files(tmp_path: Path) -> None:
    write(
        tmp_path / "proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n"
        "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n",
    )
    write(tmp_path / "dev/nvidiactl", "")
    (tmp_path / "dev/nvidia-caps").mkdir()
    found = detect_nvidia(tmp_path)
    assert found.module_version == "580.65.06"
    assert found.device_files == ("nvidiactl",)
    assert found.inaccessible_files == ()


def test_nouveau_is_seen(tmp_path: Path) -> None:
    (tmp_path / "sys/module/nouveau").mkdir(parents=True)
    assert detect_nvidia(tmp_path).has_nouveau


def test_containers_are_recognised_by_their_marks(tmp_path: Path) -> None:
    for number, (name, text, kind) in enumerate(
        [
            (".dockerenv", "", "Docker"),
            ("run/.containerenv", "", "Podman"),
            ("run/systemd/container", "systemd-nspawn\n", "systemd-nspawn"),
            ("proc/1/cgroup", "0::/kubepods.slice/kubepods-burstable.slice\n", "Kubernetes"),
            ("proc/1/cgroup", "0::/init.scope\n", None),
        ]
    ):
        root = tmp_path / str(number)
        write(root / name, text)
        assert detect_nvidia(root).container == kind
