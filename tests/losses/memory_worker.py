"""One of several training processes; test_memory_processes.py runs it: rank, world size, rendezvous file, output."""

import sys

import torch
import torch.nn.functional as F
from torch import distributed as dist

from sceneseek.losses import ClassCentres, FeatureDictionary


def rows_of(rank, step):
    """Different row counts on every rank and in every step; none at all now and then."""
    count = (rank * 3 + step * 2) % 5
    generator = torch.Generator().manual_seed(100 * rank + step)
    rows = F.normalize(torch.randn(count, 4, generator=generator), dim=1)
    return rows, torch.randint(-2, 3, (count,), generator=generator)


def memories():
    return FeatureDictionary(9, 4), ClassCentres(3, 4)


if __name__ == "__main__":
    rank, world_size, rendezvous, output = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world_size)
    dictionary, centres = memories()
    for step in range(5):
        rows, labels = rows_of(rank, step)
        dictionary.update(rows, labels)
        centres.update(rows, labels)
    torch.save({"dictionary": dictionary.state_dict(), "centres": centres.state_dict()}, output)
    dist.destroy_process_group()
