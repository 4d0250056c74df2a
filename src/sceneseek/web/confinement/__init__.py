"""What keeps a decoder that a file has taken over from doing anything but decode: the kernel's means, where they are.

* *No new privileges*: no program that it could start would have more rights than it has.
* *Landlock*: it reads the files of its task and the libraries it is made of, writes into a scratch folder, and opens
  nothing else.
* *seccomp*: it opens no connection, starts no process, and touches no other one.

A process that is confined once stays so, with all its threads. What is open already stays open. On other systems, and
on kernels that lack a means, the rest holds; ``means`` tells what there is.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from sceneseek.web.confinement import landlock, seccomp

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_PDEATHSIG = 1
_SIGKILL = 9


class Means(NamedTuple):
    """What the kernel has.

    Attributes:
        files: Landlock.
        calls: seccomp.
    """

    files: bool
    calls: bool

    @property
    def words(self) -> str:
        """In words, for those who run a server."""
        if all(self):
            return "confined: they read the files of their task alone, and open no connection (Landlock, seccomp)"
        if self.calls:
            return "confined in part: they open no connection (seccomp); this kernel has no Landlock, so files are open"
        if self.files:
            return "confined in part: they read the files of their task alone (Landlock); this kernel has no seccomp"
        return "not confined here: this system has neither Landlock nor seccomp for them"


@cache
def means() -> Means:
    """What this kernel has."""
    if sys.platform != "linux":
        return Means(files=False, calls=False)
    return Means(files=landlock.version() > 0, calls=seccomp.is_there())


def confine(readable: Sequence[str], writable: Sequence[str]) -> None:
    """Confine this process for good.

    Args:
        readable: Files, and folders with all below them, that it may read.
        writable: Folders in which it may write, too.

    Raises:
        OSError: The kernel has the means and refuses to apply them.
    """
    if not any(means()):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "privileges cannot be given up")
    if means().files:
        landlock.restrict(readable, writable)
    if means().calls:  # last: it would forbid what went before
        seccomp.restrict()


def die_with_parent() -> None:
    """End when the process that started this one ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
