"""Landlock: files and folders that a process may use, said by itself, for good.

From the kernel's documentation, "Landlock: unprivileged access control", and its header ``linux/landlock.h``. Each
version of the interface knows more rights; those that a kernel does not know are left out of what is asked of it.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable

# The same numbers on all processors: they came after these were unified.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_RULE_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(6))
_MAKE_DIR, _MAKE_REG, _TRUNCATE, _IOCTL_DEV = 1 << 7, 1 << 8, 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
"""Rights that mean something for a single file."""
_READ = _READ_FILE | _READ_DIR
_WRITE = _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _TRUNCATE

_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights to files, by the version that brought the last one."""
_NETWORK_SINCE, _TCP = 4, 3
_SCOPES_SINCE, _SOCKETS_AND_SIGNALS = 6, 3


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def version() -> int:
    """The version of the kernel's interface, 0 where it has none."""
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)))


def restrict(readable: Iterable[str], writable: Iterable[str]) -> None:
    """Let this process read and write below these paths and nowhere else; what is not there is left out.

    Raises:
        OSError: The kernel refuses.
    """
    known = version()
    files = max(rights for since, rights in _FILE_RIGHTS.items() if since <= known)
    asked = _Ruleset(files, _TCP, _SOCKETS_AND_SIGNALS)
    size = 8 * (1 + (known >= _NETWORK_SINCE) + (known >= _SCOPES_SINCE))
    ruleset = _checked(_libc().syscall(_CREATE_RULESET, ctypes.byref(asked), ctypes.c_size_t(size), 0))
    try:
        for paths, rights in ((readable, _READ), (writable, _READ | _WRITE)):
            for path in paths:
                _allow(ruleset, path, rights & files)
        _checked(_libc().syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)  # a link leads to what it stands for
    except OSError:
        return
    try:
        rights = rights if stat.S_ISDIR(os.fstat(beneath).st_mode) else rights & _OF_FILES
        rule = _PathBeneath(rights, beneath)
        _checked(_libc().syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(beneath)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return result
