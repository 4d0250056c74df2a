"""One of several training processes; test_memory_processes.py runs it: rank, world size, rendezvous file, output."""

import sys

import torch
import torch.nn.functional as F
from torch import distributed as dist

from sceneseek.losses import ClassCentres, FeatureCentres, FeatureDictionary, IdentityTable, UnlabelledQueue


def rows_of(rank, step):
    """Different row counts on every rank and in every step; none at all now and then."""
    count = (rank * 3 + step * 2) % 5
    generator = torch.Generator().manual_seed(100 * rank + step)
    rows = F.normalize(torch.randn(count, 4, generator=generator), dim=1)
    return rows, torch.randint(-2, 3, (count,), generator=generator)


def memories():
    return {
        "dictionary": FeatureDictionary(9, 4),
        "centres": ClassCentres(3, 4),
        "table": IdentityTable(3, 4, 0.3, renormalise=False),
        "localised": LocalisedTable(3, 4),
        "queue": UnlabelledQueue(3, 4, stored_dims=3),
        "feature_centres": FeatureCentres(3, 4),
    }


class LocalisedTable(IdentityTable):
    """A table moved by shares, which travel with the rows; here they follow from the rows, to be known everywhere."""

    def update(self, embeddings, labels):
        super().update(embeddings, labels, embeddings[:, 0].abs())


if __name__ == "__main__":
    rank, world_size, rendezvous, output = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world_size)
    remembered = memories()
    for step in range(5):
        rows, labels = rows_of(rank, step)
        for memory in remembered.values():
            memory.update(rows, labels)
    torch.save({name: memory.state_dict() for name, memory in remembered.items()}, output)
    dist.destroy_process_group()
