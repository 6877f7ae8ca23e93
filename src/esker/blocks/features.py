"""Feature steps in the stream: what `open_blocks(..., features=)` puts behind a source.

A step is anything with ``transform(blocks) -> Blocks``, lazy; scikit-learn's names and parameters, see
`esker.feature_extraction` and `esker.preprocessing`. A step that reads texts or tables (``reads_records = True``) gets blocks
of Records; the rest get blocks of numbers. Its ``input_columns(names)`` says which columns it needs, its ``text_columns(names)``
which of them are texts to it even where they look like numbers, such as ids.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from esker.blocks.base import Blocks

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["with_features"]


def with_features(opener: Callable[[Options], Blocks], options: Options, features: Any) -> Blocks:
    """The blocks of ``opener(options)`` behind these steps."""
    from dataclasses import replace

    steps = list(features) if isinstance(features, list | tuple) else [features]
    for step in steps:
        if isinstance(step, type) or not callable(getattr(step, "transform", None)):
            raise TypeError(
                "features= takes a transformer or a list of them, such as esker.feature_extraction.TableHasher(...), "
                f"got {step!r}"
            )
    if not steps:
        raise ValueError("features= is an empty list; leave it out")
    if getattr(steps[0], "reads_records", False):
        options = replace(options, records=True)
        if options.columns is None:  # the step knows what it needs; the source reads no more than that
            options.columns = getattr(steps[0], "input_columns", None)
        options.texts = getattr(steps[0], "text_columns", None)
    blocks = opener(options)
    for step in steps:
        try:
            made = step.transform(blocks)
        except (TypeError, ValueError):
            if type(step).__module__.startswith("sklearn.") and not hasattr(step, "steps"):
                raise TypeError(
                    f"features= takes steps that stream, got scikit-learn's {type(step).__name__}; use esker's own, such as "
                    "esker.preprocessing.StandardScaler, or pass a function to blocks.map"
                ) from None
            raise
        if not isinstance(made, Blocks):
            raise TypeError(
                f"a step of features= must give lazy Blocks for Blocks, {type(step).__name__} gave {type(made).__name__}; "
                "use esker's own steps"
            )
        blocks = made
    blocks.steps = tuple(" ".join(repr(step).split()) for step in steps)
    return blocks
