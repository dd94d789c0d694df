"""A seccomp filter: system calls that this process, its threads and children cannot make any more.

It denies what rendering never needs and Landlock does not cover: sockets of any family, programs,
other processes of the same user, attributes of files that cannot be opened, and parts of the kernel
that are known for their flaws. A denied call fails with EPERM. All other calls stay allowed: a list
of those that torch, FFmpeg and the C library make would break with their next version.

The filter is classic BPF over ``struct seccomp_data``; see seccomp(2) and bpf(4).
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Collection
from dataclasses import dataclass

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
"""SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO"""
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
"""BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_JMP|BPF_JGE|BPF_K, BPF_RET|BPF_K"""
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
"""Offsets in struct seccomp_data; the argument's low half on a little-endian machine."""
_X32_CALLS = 0x40000000
"""x86-64 only: from this number on, the calls of the x32 interface."""


@dataclass(frozen=True, slots=True)
class _Architecture:
    """An architecture of the kernel's; None where it does not have a call."""

    audit_value: int
    """AUDIT_ARCH_* in linux/audit.h."""
    column: int
    """The column of the tables below."""


_ARCHITECTURES = {
    "x86_64": _Architecture(0xC000003E, 0),
    "aarch64": _Architecture(0xC00000B7, 1),
}

DENIED: dict[str, tuple[int, int | None]] = {
    # Sockets of any family; io_uring could open one past this filter.
    "socket": (41, 198),
    "io_uring_setup": (425, 425),
    # Programs.
    "execve": (59, 221),
    "execveat": (322, 281),
    # Other processes of the same user.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    # Attributes and length of files by name; fchmod and ftruncate need a file that can be opened.
    "chmod": (90, None),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "truncate": (76, 45),
    # Parts of the kernel that nothing here needs.
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
}
"""Calls that fail, with their numbers on x86-64 and aarch64 (None: no such call there)."""

OWN_PROCESS_ONLY: dict[str, tuple[int, int]] = {
    "kill": (62, 129),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
}
"""Calls whose first argument must be this process, or 0. abort() and faulthandler need the first
two."""


def deny_system_calls(allowed: Collection[str] = ()) -> None:
    """Install the filter for the calling thread and all that it starts from now on.

    ``allowed``: calls of ``DENIED`` that are not denied.

    Call ``landlock.forbid_new_privileges`` before. Raises OSError, with EOPNOTSUPP on an
    architecture whose call numbers are not known here.
    """
    architecture = _ARCHITECTURES.get(platform.machine())
    if architecture is None or sys.byteorder != "little" or sys.maxsize < 1 << 32:
        raise OSError(errno.EOPNOTSUPP, f"no filter is known for {platform.machine()}")
    code = _program(architecture, os.getpid(), allowed)
    buffer = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog, with the compiler's padding between length and pointer.
    program = ctypes.create_string_buffer(
        struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    )
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _program(architecture: _Architecture, pid: int, allowed: Collection[str] = ()) -> bytes:
    """Return the filter's instructions, eight bytes each."""
    denied = [row[architecture.column] for name, row in DENIED.items() if name not in allowed]
    own_only = [row[architecture.column] for row in OWN_PROCESS_ONLY.values()]
    deny = _instruction(_RETURN, _ERRNO | errno.EPERM)
    allow = _instruction(_RETURN, _ALLOW)
    code = [
        # Calls of another architecture (32-bit ones) have other numbers.
        _instruction(_LOAD, _ARCHITECTURE_AT),
        _instruction(_IF_EQUAL, architecture.audit_value, then=1),
        deny,
        _instruction(_LOAD, _NUMBER_AT),
        _instruction(_IF_AT_LEAST, _X32_CALLS, otherwise=1),
        deny,
    ]
    for number in denied:
        if number is not None:
            code += [_instruction(_IF_EQUAL, number, otherwise=1), deny]
    for number in own_only:
        code += [
            _instruction(_IF_EQUAL, number, otherwise=5),
            _instruction(_LOAD, _FIRST_ARGUMENT_AT),
            _instruction(_IF_EQUAL, pid, then=2),
            _instruction(_IF_EQUAL, 0, then=1),
            deny,
            allow,
        ]
    return b"".join([*code, allow])


def _instruction(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    """Return a struct sock_filter; ``then`` and ``otherwise`` are instructions to skip."""
    return struct.pack("<HBBI", code, then, otherwise, value)
