"""Oddities of a data set that is put to use: said on standard error, so that nothing is passed over in silence."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import TYPE_CHECKING

from sceneseek.cli.console import err, escape

if TYPE_CHECKING:
    from sceneseek.data.problems import Problem


class DataNotes:
    """Ends the reading at the first error, as ``refuse`` does; says at the end of its block what was only odd.

    A note on a file as a whole, such as one on categories that are left out, is said at once and in full.
    """

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self._said: set[Problem] = set()

    def __call__(self, problem: Problem, cause: Exception | None = None) -> None:
        """Take note of a problem.

        Raises:
            DataError: It is an error.
        """
        from sceneseek.data.problems import refuse

        refuse(problem, cause)
        if problem in self._said:
            return
        self._said.add(problem)
        if problem.place.record:
            self._kinds[problem.kind] += 1
        else:
            err.print(f"[yellow]note[/yellow] {escape(str(problem))}", highlight=False, soft_wrap=True)

    def __enter__(self) -> DataNotes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._kinds and error is None:
            counted = ", ".join(f"{kind} {count:,}" for kind, count in self._kinds.most_common())
            err.print(
                f"[dim]notes on the data: {escape(counted)}; 'sceneseek data check' names each[/dim]",
                highlight=False,
                soft_wrap=True,
            )
