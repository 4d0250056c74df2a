"""Do two losses pull a shared map the same way? The diagnostic behind GDPS's argument.

The abstract says that distilling detection and re-identification apart can make their features conflict. That is
measured here, not assumed: the cosine of two losses' gradients at a map that both tasks read.
"""

from __future__ import annotations

import torch
from torch import Tensor


def gradient_cosine(first: Tensor, second: Tensor, at: Tensor) -> Tensor:
    """The cosine of two losses' gradients at a tensor: -1 where one undoes the other, 0 where one has none.

    Args:
        first: ``()``, with a graph, which is kept.
        second: The same.
        at: A tensor in both graphs.

    Example:
        >>> at = torch.tensor([1.0, 0.0], requires_grad=True)
        >>> round(float(gradient_cosine(at.sum(), -at[0], at)), 4)
        -0.7071
    """
    ours, theirs = (_gradient(loss, at) for loss in (first, second))
    return torch.nn.functional.cosine_similarity(ours, theirs, dim=0)


def _gradient(loss: Tensor, at: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(loss, at, retain_graph=True, allow_unused=True)
    return torch.zeros_like(at).flatten() if gradient is None else gradient.detach().float().flatten()


def is_detection(loss: str) -> bool:
    """Whether a network's loss, by its name, is one of detection: of class, box or centre-ness.

    Example:
        >>> [name for name in ("loss_rpn_cls", "loss_det_ctr", "loss_oim") if is_detection(name)]
        ['loss_rpn_cls', 'loss_det_ctr']
    """
    return loss.endswith(("_cls", "_reg", "_ctr"))
