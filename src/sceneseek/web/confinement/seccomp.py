"""A filter of system calls, as classic BPF: what no decoder needs is answered with "not permitted".

From the kernel's documentation, "Seccomp BPF", and ``linux/filter.h``. The numbers of system calls are those of the
kernel's headers for x86-64 and for the unified table that aarch64 uses. Calls that are not named are let through: the
libraries decide which of them they use, and Landlock decides over files.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from typing import NamedTuple

_PR_GET_SECCOMP, _PR_SET_SECCOMP, _MODE_FILTER = 21, 22, 2

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16
_KILL, _ERROR, _ALLOW = 0x8000_0000, 0x0005_0000, 0x7FFF_0000
_NOT_PERMITTED, _NOT_THERE = 1, 38
_OTHER_NUMBERS = 0x4000_0000
"""From here on, x86-64 counts the calls of its 32-bit form, under which all would be called by other numbers."""
_CLONE_THREAD = 0x0001_0000
_SIGNAL_OTHERS = (8, 10, 15)
"""What has the kernel send a signal, of one's choice, to another process when a pipe moves: F_SETOWN, F_SETSIG,
F_SETOWN_EX."""
_FAKE_INPUT = (0x5412, 0x541C)
"""What makes a terminal believe that somebody typed: TIOCSTI, and TIOCLINUX."""


class _Machine(NamedTuple):
    audit: int
    column: int


_MACHINES = {"x86_64": _Machine(0xC000_003E, 0), "aarch64": _Machine(0xC000_00B7, 1)}

FORBIDDEN: dict[str, tuple[int | None, int | None]] = {
    # connections to anybody
    "socket": (41, 198), "socketpair": (53, 199), "bind": (49, 200), "connect": (42, 203), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242),
    # programs and processes
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    # looking into and acting on other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "kcmp": (312, 272), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "shmget": (29, 194), "shmat": (30, 196),
    "shmctl": (31, 195), "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "semget": (64, 190),
    "semop": (65, 193), "mq_open": (240, 180), "mq_unlink": (241, 181),
    # when and where other processes run
    "setpriority": (141, 140), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274), "sched_setaffinity": (203, 122), "ioprio_set": (251, 30),
    "migrate_pages": (256, 238), "move_pages": (279, 239),
    # ways around a filter, or into the kernel
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "add_key": (248, 217), "keyctl": (250, 219),
    "request_key": (249, 218), "personality": (135, 92), "modify_ldt": (154, None), "iopl": (172, None),
    "ioperm": (173, None), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "syslog": (103, 116), "fanotify_init": (300, 262),
    # another view of the file system
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "setns": (308, 268),
    "unshare": (272, 97), "move_mount": (429, 429), "open_tree": (428, 428), "open_tree_attr": (467, 467),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "mknod": (133, None), "mknodat": (259, 33), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    # rights and marks of files, which Landlock leaves alone
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "lchown": (94, None), "fchown": (93, 55), "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "setxattrat": (463, 463), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "removexattrat": (466, 466), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88),
    # other rights of one's own
    "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143),
    "setresuid": (117, 147), "setresgid": (119, 149), "setgroups": (116, 159), "setfsuid": (122, 151),
    "setfsgid": (123, 152), "capset": (126, 91),
    # the machine
    "acct": (163, 89), "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "sethostname": (170, 161),
    "setdomainname": (171, 162), "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "vhangup": (153, 58),
}  # fmt: skip
"""System calls by number, on x86-64 and on aarch64."""

_CLONE, _CLONE3, _IOCTL, _FCNTL = (56, 220), (435, 435), (16, 29), (72, 25)
_OF_ITSELF = {"kill": (62, 129), "tgkill": (234, 131), "prlimit64": (302, 261)}
"""Calls that name a process: its own number is let through, and 0 where that means itself."""


def is_there() -> bool:
    """Whether the kernel has filters, and this processor's calls are known here."""
    libc = ctypes.CDLL(None, use_errno=True)
    return platform.machine() in _MACHINES and libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0


def restrict() -> None:
    """Filter the calls of this process and its threads from now on. It must have given up new privileges before.

    Raises:
        OSError: The kernel refuses.
    """
    program = filter_for(platform.machine(), os.getpid())
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")


def filter_for(machine: str, pid: int) -> bytes:
    """The filter as the kernel takes it: 8 bytes an instruction.

    Args:
        machine: ``"x86_64"`` or ``"aarch64"``.
        pid: The process's own number.
    """
    audit, column = _MACHINES[machine]
    code = [
        _step(_LOAD, _MACHINE_AT),
        _step(_EQUAL, audit, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
        _step(_AT_LEAST, _OTHER_NUMBERS, 0, 1),
        _step(_RETURN, _KILL),
    ]
    for numbers in FORBIDDEN.values():
        number = numbers[column]
        if number is not None:
            code += [_step(_EQUAL, number, 0, 1), _refuse()]
    # The C library takes the older call for threads where it is told that this one is not there.
    code += [_step(_EQUAL, _CLONE3[column], 0, 1), _refuse(_NOT_THERE)]
    code += _with_argument(_CLONE[column], 0, [_step(_ANY_BIT, _CLONE_THREAD, 1, 0), _refuse()])
    for numbers_of, requests in ((_IOCTL, _FAKE_INPUT), (_FCNTL, _SIGNAL_OTHERS)):
        checks = [part for request in requests for part in (_step(_EQUAL, request, 0, 1), _refuse())]
        code += _with_argument(numbers_of[column], 1, checks)
    for name, own_numbers in _OF_ITSELF.items():
        own = [_step(_EQUAL, pid, 2, 0), _step(_EQUAL, 0, 1, 0) if name == "prlimit64" else _step(_EQUAL, pid, 1, 0)]
        code += _with_argument(own_numbers[column], 0, [*own, _refuse()])
    code.append(_step(_RETURN, _ALLOW))
    return b"".join(code)


def _with_argument(number: int, argument: int, checks: list[bytes]) -> list[bytes]:
    """Look at the lower half of an argument of one call; what passes the checks is let through."""
    looked = [_step(_LOAD, _ARGUMENTS_AT + 8 * argument), *checks, _step(_RETURN, _ALLOW)]
    return [_step(_EQUAL, number, 0, len(looked)), *looked]


def _refuse(error: int = _NOT_PERMITTED) -> bytes:
    return _step(_RETURN, _ERROR | error)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
