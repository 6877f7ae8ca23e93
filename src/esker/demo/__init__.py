"""The demo: real data written as files larger than the memory granted, three learners, test error against time.

``esker demo``, or ``python -m esker.demo``. The parent prepares the files, starts a process for each fit, measures
that process's memory from outside, and draws what the processes report.
"""

from __future__ import annotations

__all__ = ["run"]


def run(out: str | None = None, *, only: str | None = None, delete_data: bool = False) -> int:
    """Run the demo; print tables and text plots, and write the picture and its figures.

    Parameters
    ----------
    out : str, optional
        Folder for ``test-error-against-time.png`` and ``results.json``; ``esker-demo`` in the current folder by default.
    only : {"words", "flights"}, optional
        One data set instead of both.
    delete_data : bool
        Remove the files that earlier runs left in the cache folder, and do nothing else.

    Returns
    -------
    int
        0, or 1 if a learner failed or used more memory than it was granted.
    """
    from esker.demo.show import show

    return show(out, only=only, delete_data=delete_data)
