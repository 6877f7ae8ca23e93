"""What the demo shows: for each learner of a data set, points of (budget, seconds, test error, memory)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Panel", "Point", "Series"]


@dataclass
class Point:
    """One fit from scratch and its test.

    Attributes
    ----------
    budget : str
    seconds : float
        Wall time of reading and fitting; not of the test.
    error : float
    memory : int or None
        Peak anonymous bytes above those once the files were open, of fit and test; None if not measured.
    """

    budget: str
    seconds: float
    error: float
    memory: int | None = None


@dataclass
class Series:
    """One learner: its points in order of budget. `letter` marks it in text plots.

    ``refused`` maps budgets that esker refused, because they cannot fit into the memory granted, to the reasons.
    """

    learner: str
    letter: str
    points: list[Point] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def best(self) -> Point:
        """The point of the least error."""
        return min(self.points, key=lambda p: p.error)


@dataclass
class Panel:
    """One data set with its learners.

    Attributes
    ----------
    title, about, split, measure : str
    unit : str
        Of the error: ``" %"`` or ``" min"``.
    baseline : dict
        ``label`` and ``error`` of a constant prediction.
    granted : int
        Bytes of max_memory.
    file_bytes : int
        Of the training data.
    series : list of Series
    """

    title: str
    about: str
    split: str
    measure: str
    unit: str
    baseline: dict[str, Any]
    granted: int
    file_bytes: int
    series: list[Series] = field(default_factory=list)

    @property
    def fitted(self) -> list[Series]:
        """The learners that have points."""
        return [s for s in self.series if s.points]

    @property
    def points(self) -> list[Point]:
        return [p for s in self.series for p in s.points]

    @property
    def peak(self) -> int | None:
        """The largest memory of any point."""
        return max((p.memory for p in self.points if p.memory is not None), default=None)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON."""
        return asdict(self)
