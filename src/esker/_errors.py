"""The errors that esker raises beside ValueError; the classes are importable without the kernels."""

from __future__ import annotations

from numpy.linalg import LinAlgError


class FormatError(ValueError):
    """A file is not what it says it is.

    Attributes
    ----------
    file : str or None
    line, column : int
        Where, counted from 1; 0 where that is unknown.
    """

    def __init__(self, message: str, file: str | None = None, line: int = 0, column: int = 0) -> None:
        place = (
            f"{file or '<data>'}" + (f":{line}" if line else "") + (f":{column}" if line and column else "")
        )
        super().__init__(f"{place}: {message}" if file or line else message)
        self.message, self.file, self.line, self.column = message, file, line, column

    def __reduce__(self) -> tuple[type[FormatError], tuple[str, str | None, int, int]]:
        return type(self), (self.message, self.file, self.line, self.column)


class CacheWarning(UserWarning):
    """A cache is stale, damaged or could not be written; what was read is right all the same, and came from the source."""


class NotPositiveDefinite(LinAlgError):
    """A matrix that a Cholesky factorisation needs positive definite is not, to working precision."""


class Diverged(ArithmeticError):
    """A learner that steps left the finite numbers, and backing off did not bring it back; the message names the row."""
