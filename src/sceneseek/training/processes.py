"""One training run over several processes, started by ``torchrun``.

Gradients are averaged by hand after the backward pass instead of wrapping the network in ``DistributedDataParallel``:
the network keeps its methods and its parameter names (checkpoints need no translation), parameters that had no part in
a step need no special mode, and with gradient accumulation only the last backward pass costs traffic. The price is that
traffic does not overlap with the backward pass.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

_BUCKET_NUMBERS = 8_000_000
_TIMEOUT = timedelta(hours=2)  # the other processes wait while the first one evaluates


@dataclass(frozen=True)
class Processes:
    """The processes of a run, seen from one of them.

    Attributes:
        rank: Which one this is.
        world_size: How many there are.
        device: Where this one computes.
    """

    rank: int = 0
    world_size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` holds in any process. Every process must call it."""
        if self.world_size == 1:
            return flag
        value = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(value, op=dist.ReduceOp.MAX)
        return bool(value.item())

    def wait(self) -> None:
        """Wait until every process is here."""
        self.any(False)

    def gather(self, value: Tensor) -> list[Tensor]:
        """Every process's ``value``, in rank order; all of one shape and type. The results lie on the CPU."""
        if self.world_size == 1:
            return [value.cpu()]
        mine = value.to(self.device)
        parts = [torch.empty_like(mine) for _ in range(self.world_size)]
        dist.all_gather(parts, mine)
        return [part.cpu() for part in parts]

    def share_module(self, module: nn.Module) -> None:
        """Give every process the first one's parameters and buffers."""
        if self.world_size == 1:
            return
        with torch.no_grad():
            for tensor in (*module.parameters(), *module.buffers()):
                contiguous = tensor.detach().contiguous()
                dist.broadcast(contiguous, src=0)
                tensor.copy_(contiguous)

    def average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace each gradient by its mean over the processes.

        A parameter that had no part in the step anywhere keeps no gradient; one that had a part somewhere counts as
        zero elsewhere.
        """
        if self.world_size == 1:
            return
        used = torch.tensor([float(p.grad is not None) for p in parameters], device=self.device)
        dist.all_reduce(used)
        gradients = []
        for parameter, count in zip(parameters, used.tolist(), strict=True):
            if count:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                gradients.append(parameter.grad)
        self._average(gradients)

    def average_norms(self, module: nn.Module) -> None:
        """Average the running statistics of batch normalisation, so that the processes' networks stay equal.

        Differs from ``DistributedDataParallel``, which gives every process the first one's statistics.
        """
        if self.world_size == 1:
            return
        statistics = [
            buffer
            for part in module.modules()
            if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.training
            for buffer in (part.running_mean, part.running_var)
            if buffer is not None
        ]
        self._average(statistics)

    def _average(self, tensors: Sequence[Tensor]) -> None:
        bucket: list[Tensor] = []
        size = 0
        for i, tensor in enumerate(tensors):
            bucket.append(tensor)
            size += tensor.numel()
            last = i + 1 == len(tensors)
            if last or size >= _BUCKET_NUMBERS or tensors[i + 1].dtype != tensor.dtype:
                self._average_bucket(bucket)
                bucket, size = [], 0

    def _average_bucket(self, bucket: list[Tensor]) -> None:
        flat = torch.cat([tensor.detach().reshape(-1) for tensor in bucket])
        dist.all_reduce(flat)
        flat.div_(self.world_size)
        with torch.no_grad():
            for tensor, part in zip(bucket, torch.split(flat, [t.numel() for t in bucket]), strict=True):
                tensor.copy_(part.view(tensor.shape))


@contextmanager
def join_processes(device: str = "auto") -> Iterator[Processes]:
    """Join the run's processes as ``torchrun`` describes them in the environment, or run alone.

    Args:
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, or ``"auto"``: a GPU where there is one. With several processes,
            ``"cuda"`` means the GPU of this process's local rank.

    Yields:
        This process's view. The group (gloo on CPU, NCCL on GPUs) is left afterwards.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        yield Processes(device=torch.device(device))
        return
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    place = torch.device(device)
    if place.type == "cuda":
        torch.cuda.set_device(place)
    dist.init_process_group("nccl" if place.type == "cuda" else "gloo", timeout=_TIMEOUT)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), place)
    finally:
        dist.destroy_process_group()
