"""Classes that may come later: partial_fit(classes="open").

A lane that tells a class from the rest, and has not met that class, has learned the same as any other such lane. So lanes
are kept ready, all equal, and a new label takes the next one: the model is that of all classes named at the start.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._native import threads
from esker.learning_stream import Stream
from esker.linear_model._labels import MOST, refuse_fractions
from esker.linear_model._sgd_going_on import parameters_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block, Blocks
    from esker.linear_model._sgd_parameters import Checked

__all__ = ["learn_open"]

#: Lanes come in groups of so many, whose bits do not depend on how many groups there are.
LANES = 16


def learn_open(model: Any, blocks: Blocks, checked: Checked) -> list[Any]:
    """Learn from each row once, and keep the stream in the model; the labels seen, in the order of their lanes.

    A call that fails on its way leaves a model that goes on with what its rows before that have taught, and their labels.
    """
    if model.loss == "softmax":
        raise ValueError(
            "loss='softmax' has the scores of all classes in every row's loss, and classes='open' does not know how many there "
            "will be; name them all, or use loss='log_loss'"
        )
    if isinstance(model.class_weight, str):
        raise ValueError("class_weight must be a dict or None with classes='open'")
    if getattr(model, "_kept", None) is None:
        stream, seen = Stream(model._state(range(LANES), checked, None, race=False)), []
    else:
        stream, seen = model._earlier(model._kept, checked, "partial_fit"), list(model._seen)
    try:
        with threads(model.n_threads):
            for block in blocks:
                labels = np.asarray(block.y).ravel()
                named = seen + _new_labels(labels, seen, blocks)
                coded = _coded(model, block, labels, named)
                _make_room(stream, len(named))
                seen = named
                stream.take(coded, 0, len(coded), blocks.source)
            stream.check(blocks.source)
        stream.need_rows(blocks.source)
    except BaseException:
        if (
            getattr(model, "_kept", None) is not None
        ):  # its lanes have learned: what they are is kept with them
            model._kept, model._seen = stream.kept() | {"given": parameters_of(model, checked)}, seen
        raise
    model._kept = stream.kept() | {"given": parameters_of(model, checked)}
    return seen


def _new_labels(labels: NDArray[Any], seen: list[Any], blocks: Blocks) -> list[Any]:
    """Labels that were not seen before, in the order in which they come."""
    found, first = np.unique(labels, return_index=True)
    refuse_fractions(found, blocks)
    known = set(seen)
    new = [label for label in labels[np.sort(first)].tolist() if label not in known]
    if len(seen) + len(new) > MOST:
        raise ValueError(
            f"the target of {blocks.source} has more than {MOST} different labels; is it a number?"
        )
    if new and seen and isinstance(new[0], str) != isinstance(seen[0], str):
        raise ValueError(f"labels must be all texts or all numbers, got {new[0]!r} after {seen[0]!r}")
    return new


def _make_room(stream: Stream, classes: int) -> None:
    """Lanes for so many classes and one that waits, a copy of which every further one is."""
    lanes = stream.state.lanes
    if classes < lanes:
        return
    more = max(lanes, -(-(classes + 1 - lanes) // LANES) * LANES)
    stream.keep([*range(lanes), *[lanes - 1] * more])
    for state in (stream.state, stream.backup):
        state.set_targets(np.arange(lanes + more))


def _coded(model: Any, block: Block, labels: NDArray[Any], seen: list[Any]) -> Block:
    """The block with lanes for labels, and with the classes' weights."""
    order = np.argsort(np.array(seen))
    at = order[np.searchsorted(np.array(seen)[order], labels)]
    weight = block.sample_weight
    if model.class_weight is not None:
        factors = np.array([float(model.class_weight.get(label, 1.0)) for label in seen])
        if not (np.isfinite(factors).all() and (factors >= 0).all()):
            raise ValueError(
                f"class_weight must hold finite numbers that are not negative, got {model.class_weight!r}"
            )
        weight = factors[at] * (1.0 if weight is None else weight)
    return replace(block, y=at.astype(np.float64), sample_weight=weight)
