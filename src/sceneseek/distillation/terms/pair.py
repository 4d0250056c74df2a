"""A student and a teacher before anything is read, and what a term is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from sceneseek.distillation.contract import Facts, Reading
from sceneseek.errors import RecipeError

Pairs = Literal["shared"] | Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Pair:
    """A student and a teacher, before anything is read.

    Attributes:
        student: What the student shows.
        teacher: What the teacher shows.
        table: The teacher's identity table ``(P, D)``, if it has one.
        table_of_student: Gives the student's, which moves; ``None`` where no term asks.
    """

    student: Facts
    teacher: Facts
    table: Tensor | None = None
    table_of_student: Callable[[], Tensor] | None = None

    def maps(self, names: Pairs) -> list[tuple[str, str]]:
        """Names of the student's and the teacher's maps that belong together.

        Raises:
            RecipeError: One has no such map, or they share different numbers of maps.
        """
        if names == "shared":
            if len(self.student.shared) != len(self.teacher.shared):
                raise RecipeError(
                    f"The student shares the maps {', '.join(self.student.shared)}, the teacher "
                    f'{", ".join(self.teacher.shared) or "none"}. Name pairs: maps = [["STUDENT\'S", "TEACHER\'S"]].'
                )
            names = list(zip(self.student.shared, self.teacher.shared, strict=True))
        for own, other in names:
            self.student.named(own, "student")
            self.teacher.named(other, "teacher")
        return list(names)


class Term(nn.Module):
    """Two readings of one batch to an unweighted scalar."""

    def forward(self, student: Reading, teacher: Reading) -> Tensor:
        """Compare.

        Args:
            student: With a graph.
            teacher: Without.

        Returns:
            ``()`` float32, zero with a graph where there is nothing to compare.
        """
        raise NotImplementedError
