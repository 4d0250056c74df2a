"""Workers of a decoder: each is a copy of a process that has seen nothing of strangers, and is confined before it does.

A decoder loads its libraries once. For what it is asked it makes a copy of itself (a fork), which gives up all rights
but those to the files of the task (see ``confinement``), does the task, and ends: what one file does to a process, the
next one does not meet. Only tasks for the very same files go to the same worker, so that the table of a large archive
is read once.

Where processes cannot be copied like this, the decoder does its tasks itself, one after the other.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, NamedTuple

from sceneseek.web.confinement import confine, die_with_parent
from sceneseek.words import printable

Fields = dict[str, Any]
Read = Callable[[IO[bytes]], tuple[Fields, bytes] | None]
Write = Callable[[IO[bytes], Fields, bytes], None]
Do = Callable[[Fields, bytes], None]

CAN_FORK = sys.platform == "linux"
"""Elsewhere, libraries of the system do not bear it."""

_LIBRARIES = ("/usr/lib", "/usr/lib64", "/lib", "/lib64")
_SYSTEM = ("/usr/share/zoneinfo", "/etc/localtime", "/etc/ld.so.cache", "/dev/null", "/dev/urandom", "/dev/zero")
_MOST_LOGGED = 500


class _Worker(NamedTuple):
    files: frozenset[str]
    pid: int
    tasks: IO[bytes]
    notes: IO[bytes]


class Foreman:
    """Has tasks done by workers, one at a time.

    Args:
        read: Reads a task from a stream.
        write: Writes one.
        do: Does a task and writes its answers; called in a worker.
        files_of: The files and folders that a task needs.
        scratch: A folder that workers may write into.
        keep: Keeps what a worker found out about a file, for the workers after it.
    """

    def __init__(
        self,
        read: Read,
        write: Write,
        do: Do,
        files_of: Callable[[Mapping[str, Any]], Sequence[str]],
        scratch: str,
        keep: Callable[[Fields], None],
    ) -> None:
        self._read, self._write, self._do = read, write, do
        self._files_of = files_of
        self._scratch = scratch
        self._keep = keep
        self._worker: _Worker | None = None

    def run(self, tasks: IO[bytes]) -> None:
        """Have tasks done until there are no more. A worker that dies takes the foreman with it: its answer is cut."""
        gc.freeze()  # what was loaded is shared with all workers, and stays so
        while (task := self._read(tasks)) is not None:
            files = frozenset(self._files_of(task[0]))
            worker = self._worker_for(files)
            self._write(worker.tasks, *task)
            if not self._is_done(worker):
                sys.exit(1)
            if not files:  # somebody's own picture: the next one's is for another worker
                self._dismiss()
        self._dismiss()

    def _worker_for(self, files: frozenset[str]) -> _Worker:
        if self._worker is not None and self._worker.files == files:
            return self._worker
        self._dismiss()
        to_worker, from_worker = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(to_worker[1])
            os.close(from_worker[0])
            self._be_worker(files, to_worker[0], from_worker[1])
        os.close(to_worker[0])
        os.close(from_worker[1])
        self._worker = _Worker(files, pid, os.fdopen(to_worker[1], "wb"), os.fdopen(from_worker[0], "rb"))
        return self._worker

    def _dismiss(self) -> None:
        if self._worker is not None:
            self._worker.tasks.close()
            self._worker.notes.close()
            os.waitpid(self._worker.pid, 0)
            self._worker = None

    def _is_done(self, worker: _Worker) -> bool:
        """Wait until a worker has done its task; says whether it lives."""
        for line in worker.notes:
            note = json.loads(line)
            if "done" in note:
                return True
            if "log" in note:
                sys.stderr.write(printable(f"sceneseek decoder: {str(note['log'])[:_MOST_LOGGED]}") + "\n")
            else:
                self._keep(note)
        return False

    def _be_worker(self, files: frozenset[str], tasks: int, notes: int) -> None:
        """Do tasks until there are no more, and end."""
        try:
            die_with_parent()
            # Neither the server's tasks nor its terminal are for a worker.
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, 0)
            os.dup2(nowhere, 2)
            NOTES.stream = os.fdopen(notes, "wb")
            confine([*libraries(), *files], [self._scratch])
            with os.fdopen(tasks, "rb") as stream:
                while (task := self._read(stream)) is not None:
                    self._do(*task)
                    NOTES.write(done=True)
        except BaseException as error:  # the server sees that no answer comes
            NOTES.write(log=f"a worker ended ({type(error).__name__}: {error})")
        finally:
            os._exit(0)


class Notes:
    """What a worker tells its foreman; without one, what is to be logged goes to standard error."""

    def __init__(self) -> None:
        self.stream: IO[bytes] | None = None

    def write(self, **note: Any) -> None:
        """Tell something."""
        if self.stream is not None:
            self.stream.write(json.dumps(note).encode() + b"\n")
            self.stream.flush()
        elif "log" in note:
            sys.stderr.write(printable(f"sceneseek decoder: {note['log']}") + "\n")


NOTES = Notes()


def libraries() -> list[str]:
    """Files and folders with the code of this program, and what its libraries read of the system."""
    home = os.path.realpath(os.path.expanduser("~"))
    code = {os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, *sys.path) if path}
    return [*sorted(path for path in code if path not in ("/", home)), *_LIBRARIES, *_SYSTEM]
