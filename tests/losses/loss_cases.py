"""Rows to try losses on, and the arithmetic of their definitions in plain Python."""

import math

import torch
import torch.nn.functional as F

PRECISIONS = [(torch.float64, 1e-11), (torch.float32, 2e-5)]
"""Floating-point types, and how close a loss comes to its definition in them."""


def rows(count, dtype=torch.float64, seed=0, dim=5, unit=True):
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(count, dim, generator=generator, dtype=torch.float64)
    return (F.normalize(drawn, dim=1) if unit else drawn).to(dtype)


def ids(*values):
    return torch.tensor(values, dtype=torch.int64)


def dot(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True))


def distance(a, b):
    return math.sqrt(sum((p - q) ** 2 for p, q in zip(a, b, strict=True)))


def assert_zero_with_a_graph(loss, *leaves):
    assert loss.item() == 0.0
    loss.backward()
    assert all(leaf.grad is not None and leaf.grad.eq(0).all() for leaf in leaves)
