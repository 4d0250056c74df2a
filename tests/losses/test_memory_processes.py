import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.processes

WORKER = Path(__file__).with_name("memory_worker.py")


def load_worker():
    spec = importlib.util.spec_from_file_location("memory_worker", WORKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.needs("gloo")
def test_two_processes_remember_the_same_in_rank_order(tmp_path):
    outputs = [tmp_path / f"{rank}.pt" for rank in range(2)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(rank), "2", str(tmp_path / "rendezvous"), str(output)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for rank, output in enumerate(outputs)
    ]
    reports = [process.communicate()[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(reports)

    worker = load_worker()
    remembered = worker.memories()
    for step in range(5):
        parts = [worker.rows_of(rank, step) for rank in range(2)]
        rows, labels = (torch.cat(column) for column in zip(*parts, strict=True))
        for memory in remembered.values():
            memory.update(rows, labels)
    for ring in ("dictionary", "queue"):
        assert int(remembered[ring].pointer) != 0, ring  # it has gone round, or the order would not be tested
    for output in outputs:
        state = torch.load(output, weights_only=True)
        for name, memory in remembered.items():
            for key, value in memory.state_dict().items():
                assert torch.equal(state[name][key], value), (output.name, name, key)
