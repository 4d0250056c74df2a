"""Training runs in processes of their own that can be killed, started from one process that has imported everything.

Importing torch takes seconds; forking takes milliseconds. The parent computes nothing, so forking it is safe.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Job:
    """One start of a training run.

    ``kill_at_step`` and ``stop_at_step`` send SIGKILL and SIGTERM as soon as the log speaks of that step. Neither can
    come too late: the run waits for the one before its last step is over, for the other with the step that follows.
    ``die_at_sync`` makes the run kill itself in the middle of writing, at its n-th ``fsync``.
    """

    out: str
    recipe: str
    data: str
    resume: bool = False
    ranks: int = 1
    kill_at_step: int | None = None
    stop_at_step: int | None = None
    die_at_sync: int | None = None


def launch(jobs: list[Job], folder: Path) -> list[list[int]]:
    """Do the jobs one after the other in a fresh interpreter; the exit statuses of each job's processes."""
    plan = folder / "plan.json"
    plan.write_text(json.dumps([asdict(job) for job in jobs]))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])}
    environment |= {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "training.forked_runs", str(plan)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _train(job: Job, rank: int, port: int) -> None:
    from sceneseek.training.interruption import stop_on_signals
    from sceneseek.training.processes import join_processes
    from sceneseek.training.recipe import read_recipe
    from sceneseek.training.run import train

    os.environ |= {
        "RANK": str(rank),
        "WORLD_SIZE": str(job.ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    if job.die_at_sync is not None:
        _die_at_sync(job.die_at_sync)
    with join_processes("cpu") as processes, stop_on_signals() as stop:

        def await_signals(done: int, total: int | None, note: str = "") -> None:
            while job.kill_at_step is not None and done == total:
                time.sleep(1)
            while job.stop_at_step is not None and done > job.stop_at_step and not stop:
                time.sleep(0.001)

        train(
            read_recipe(job.recipe),
            Path(job.out),
            data_root=Path(job.data),
            resume=job.resume,
            processes=processes,
            stop=stop,
            progress=await_signals,
        )


def _die_at_sync(number: int) -> None:
    real, calls = os.fsync, [0]

    def fsync(descriptor: int) -> None:
        calls[0] += 1
        if calls[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        real(descriptor)

    os.fsync = fsync


def _do(job: Job) -> list[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    children = [_fork(job, rank, port) for rank in range(job.ranks)]
    awaited = job.kill_at_step or job.stop_at_step
    statuses: dict[int, int] = {}
    while len(statuses) < len(children):
        for child in children:
            if child not in statuses:
                done, status = os.waitpid(child, os.WNOHANG)
                if done:
                    statuses[child] = os.waitstatus_to_exitcode(status)
        if awaited is not None and _last_step(Path(job.out)) >= awaited:
            for child in children:
                if child not in statuses:
                    os.kill(child, signal.SIGKILL if job.kill_at_step else signal.SIGTERM)
            awaited = None
        time.sleep(0.001)
    return [statuses[child] for child in children]


def _fork(job: Job, rank: int, port: int) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        _train(job, rank, port)
        status = 0
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        raise
    finally:
        sys.stderr.flush()
        os._exit(status)


def _last_step(out: Path) -> int:
    try:
        lines = (out / "log.jsonl").read_text().splitlines()
        return json.loads(lines[-1])["step"] if lines else 0
    except (OSError, ValueError):
        return 0


if __name__ == "__main__":
    import torch
    import torch.utils.tensorboard

    import sceneseek.data.coco
    import sceneseek.models.dcinet
    import sceneseek.models.weights
    import sceneseek.pictures
    import sceneseek.training.run  # noqa: F401
    from sceneseek.models import zoo
    from training.tiny_search_net import tiny_search_net

    torch.set_num_threads(1)
    zoo.register("tiny_search_net")(tiny_search_net)
    jobs = [Job(**row) for row in json.loads(Path(sys.argv[1]).read_text())]
    sys.stdout.write(json.dumps([_do(job) for job in jobs]))
