"""Inputs of which every loss's value is known, to six digits, from arithmetic done apart from this package."""

import pytest
import torch

_I, _J = torch.arange(4, dtype=torch.float64)[:, None], torch.arange(5, dtype=torch.float64)[None]
STUDENT_ROWS = torch.sin(1 + 3 * _I + _J)
TEACHER_ROWS = torch.cos(2 + 2 * _I + 0.5 * _J)
_N, _C, _H, _W = torch.meshgrid(*(torch.arange(k, dtype=torch.float64) for k in (2, 2, 3, 4)), indexing="ij")
STUDENT_MAP = torch.sin(1 + _N + 2 * _C + 3 * _H + _W)
TEACHER_MAP = 2 * torch.cos(_N + _C + 0.5 * _H + _W) + 1
STRIDE, GRID = 8, (3, 4)
BOXES = [torch.tensor([[8.0, 0.0, 24.0, 16.0]])] * 2
"""One per image, over rows 0 and 1, columns 1 and 2."""
PRECISIONS = [(torch.float64, 1e-6), (torch.float32, 2e-5)]
"""Floating-point types, and how close a loss comes to the six digits in them."""


def leaf(values):
    return values.clone().requires_grad_()


class GoldenTests:
    """What holds for every kind of loss; a kind inherits it with its own losses and inputs.

    ``golden`` holds losses and their values by name, ``losses`` these and further ones whose value nobody worked out.
    """

    golden: dict
    losses: dict
    student = STUDENT_ROWS
    teacher = TEACHER_ROWS
    nothing = 1e-7
    """How close to zero a loss comes between equals."""

    def test_golden_values(self, golden_name, dtype, digits):
        loss, wanted = self.golden[golden_name]
        value = loss(self.student.to(dtype), self.teacher.to(dtype)).item()
        assert value == pytest.approx(wanted, rel=digits, abs=digits)

    def test_nothing_is_to_be_learnt_from_oneself(self, loss_name):
        student = leaf(self.teacher)
        loss = self.losses[loss_name](student, self.teacher)
        assert loss.item() == pytest.approx(0.0, abs=self.nothing)
        loss.backward()
        assert torch.isfinite(student.grad).all()

    def test_the_student_learns_and_the_teacher_does_not(self, loss_name):
        student, teacher = leaf(self.student), leaf(self.teacher)
        self.losses[loss_name](student, teacher).backward()
        assert student.grad is not None
        assert torch.isfinite(student.grad).all()
        assert student.grad.abs().sum() > 0
        assert teacher.grad is None
