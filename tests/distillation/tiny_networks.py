"""Networks of the zoo at a size at which they only keep their word, and a batch of scenes for them."""

import torch

from sceneseek.models import zoo
from thin_zoo import options_of, scenes


def network(name, *, seed=0, **changes):
    torch.manual_seed(seed)
    return zoo.create(name, **{**options_of(name), **changes})


def fill_table(net, *, seed=1):
    """Rows as after some training; identity 5 was never seen."""
    rows = torch.nn.functional.normalize(
        torch.randn(6, net.embedding_dim, generator=torch.Generator().manual_seed(seed)), dim=1
    )
    rows[5] = 0.0
    identity = net.identity
    memory = identity.table if hasattr(identity, "table") else identity.centres
    memory.centres.copy_(rows)
    memory.seen.copy_(rows.any(dim=1))
    return net


def batch(people=True, seed=0):
    images, targets = scenes(people=people, seed=seed)
    for number, target in enumerate(targets):
        target["image_id"] = torch.tensor(number)
        target["annotations"] = torch.arange(len(target["boxes"]))
        target["mirrored"] = torch.tensor(False)
    return images, targets
