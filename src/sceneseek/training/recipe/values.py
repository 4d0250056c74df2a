"""What a recipe's keys may hold: the base of its tables, and numbers with their bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Table(BaseModel):
    """A table whose keys are known; a misspelt one is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def ordered(pair: tuple[float, float]) -> tuple[float, float]:
    """Refuse a range whose ends are swapped."""
    if pair[0] > pair[1]:
        raise ValueError("expected [low, high] with low <= high")
    return pair


Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]
FactorRange = Annotated[tuple[Positive, Positive], AfterValidator(ordered)]
LengthRange = FactorRange
ShareRange = Annotated[tuple[Annotated[float, Field(gt=0.0, le=1.0)], Share], AfterValidator(ordered)]
ShareOfRun = Annotated[tuple[Share, Share], AfterValidator(ordered)]
AngleRange = Annotated[tuple[float, float], AfterValidator(ordered)]
QualityRange = Annotated[
    tuple[Annotated[int, Field(ge=1, le=100)], Annotated[int, Field(ge=1, le=100)]], AfterValidator(ordered)
]
