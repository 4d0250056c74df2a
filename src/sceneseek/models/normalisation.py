"""How batch normalisation layers behave in training: learn, keep their statistics, stay as they are, or be gone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sceneseek.errors import ModelError

NormMode = Literal["batch", "affine", "frozen", "folded"]


class FixedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation that always uses its stored statistics, in training too.

    State and arithmetic are those of ``torch.nn.BatchNorm2d`` in evaluation.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise ``(N, C, H, W)`` with the stored statistics."""
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)


def set_norm_mode(module: nn.Module, mode: NormMode) -> None:
    """Choose how all 2-d batch normalisations inside ``module`` train; their state keeps its names and values.

    Args:
        module: Searched recursively; not itself a normalisation.
        mode: ``"batch"``: statistics of the batch, everything learns. ``"affine"``: stored statistics, weight and bias
            learn. ``"frozen"``: stored statistics, nothing learns (what detectors with one or two images per step use).
            ``"folded"``: multiplied into the convolutions before them, which learn (``fold_norms``).

    Raises:
        ModelError: ``"folded"`` where a normalisation does not follow a convolution in a sequence.
    """
    if mode == "folded":
        fold_norms(module)
        return
    kind = nn.BatchNorm2d if mode == "batch" else FixedBatchNorm2d
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d):
            norm = kind(child.num_features, eps=child.eps, momentum=child.momentum)
            norm.load_state_dict(child.state_dict())
            norm.requires_grad_(mode != "frozen")
            setattr(module, name, norm)
        else:
            set_norm_mode(child, mode)


@torch.no_grad()
def fold_norms(module: nn.Module) -> None:
    """Multiply batch normalisations into the convolutions before them; evaluation computes what it did before.

    A third of a small network's training step on a CPU goes into its normalisations. Where the pretrained ones are the
    identity anyway (they were folded before the weights were published), training the convolutions alone costs nothing
    but the batch statistics.

    Args:
        module: Changed in place, recursively: in every ``nn.Sequential`` a convolution and the normalisation after it
            become one convolution with a bias.

    Raises:
        ModelError: A normalisation stands anywhere else; nothing is lost, but that network cannot be folded.
    """
    for sequence in [m for m in module.modules() if isinstance(m, nn.Sequential)]:
        for index in range(len(sequence) - 1):
            conv, norm = sequence[index], sequence[index + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                fused = fuse_conv_bn_eval(conv.eval(), norm.eval())
                sequence[index] = fused.train(module.training).requires_grad_(True)
                sequence[index + 1] = nn.Identity()
    left = [name for name, child in module.named_modules() if isinstance(child, nn.BatchNorm2d)]
    if left:
        raise ModelError(
            f"normalisation {left[0]} does not follow a convolution in a sequence, so it cannot be folded; "
            "use the mode 'frozen' for this backbone."
        )


@torch.no_grad()
def restore_statistics(module: nn.Module, batches: Iterable[Tensor]) -> None:
    """Give folded batch normalisations real statistics again, without changing what the module computes.

    Published files sometimes hold networks whose normalisations were folded into the convolutions and are the identity.
    Training such a network with batch statistics would change its function at the first step. This measures mean ``m``
    and variance ``v`` of each normalisation's input and stores them as its statistics, with weight and bias adjusted
    so that the output in evaluation is what it was before.

    Args:
        module: Changed in place; called with each batch, in evaluation mode.
        batches: Inputs of ``module``, representative of the data; a few dozen images are enough.

    Example:
        >>> net = nn.Sequential(nn.BatchNorm2d(1)).eval()
        >>> x = torch.arange(4.0).reshape(1, 1, 2, 2)
        >>> before = net(x)
        >>> restore_statistics(net, [x])
        >>> round(float(net[0].running_mean), 2), bool(torch.allclose(net(x), before, atol=1e-5))
        (1.5, True)
    """
    norms = [norm for norm in module.modules() if isinstance(norm, nn.BatchNorm2d)]
    sums: dict[int, list[Tensor]] = {}

    def collect(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].double()
        parts = [x.sum((0, 2, 3)), (x * x).sum((0, 2, 3)), torch.tensor(float(x.numel() / x.shape[1]))]
        held = sums.get(id(norm))
        sums[id(norm)] = parts if held is None else [a + b for a, b in zip(held, parts, strict=True)]

    handles = [norm.register_forward_pre_hook(collect) for norm in norms]
    was_training = module.training
    module.eval()
    try:
        for batch in batches:
            module(batch)
    finally:
        module.train(was_training)
        for handle in handles:
            handle.remove()
    for norm in norms:
        if id(norm) in sums:
            total, squares, count = sums[id(norm)]
            mean = total / count
            _set_statistics(norm, mean, (squares / count - mean * mean).clamp(min=0.0))


def _set_statistics(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    old_mean, old_variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    slope = norm.weight.double() / (old_variance.double() + norm.eps).sqrt()
    offset = norm.bias.double() - slope * old_mean.double()
    norm.weight.copy_(slope * (variance + norm.eps).sqrt())
    norm.bias.copy_(offset + slope * mean)
    old_mean.copy_(mean)
    old_variance.copy_(variance)
