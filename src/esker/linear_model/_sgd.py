"""What SGDClassifier and SGDRegressor share: lanes, the walk, and how its result becomes attributes."""

from __future__ import annotations

import warnings
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from esker._native import threads
from esker._progress import advance
from esker.blocks.memory import physical_memory, show_size
from esker.folds import Sgd, SgdGroup
from esker.learning import Schedule, learn
from esker.learning_holdout import NUMBERS, ROWS, SPARSE_NUMBERS
from esker.learning_schedule import check_schedule
from esker.learning_stream import Stream
from esker.linear_model._base import learn_width
from esker.linear_model._sgd_bootstrap import Bootstrapped, check_bootstrap
from esker.linear_model._sgd_parameters import LOSS_PARAMETERS, Checked, lane_bytes, raced_rates
from esker.linear_model._sgd_steps import SCHEDULES, penalty_scale_of, stepping

if TYPE_CHECKING:
    from esker.blocks import Blocks

__all__ = ["SGD"]

#: Data sets with fewer rows hold nothing out.
HOLD_OUT_FROM = 1000
#: Of a source that is read in sequence no more rows than this are counted: whether there are more is known of it and of
#: its cache alike, so that both hold out the same rows.
COUNTED, SHARE_OF_MORE = 1 << 15, 0.02
#: Beyond twice as many models there are states of so many.
BESIDE = 128


def _held_bytes(blocks: Blocks, n_rows: int | None, share: float) -> int:
    """Bytes of the held-out rows that are kept, at most."""
    rows = ROWS if n_rows is None else min(ROWS, int(share * n_rows))
    if share == 0 or blocks.is_sparse is None:
        return 0
    if not blocks.is_sparse:
        return min(rows * (blocks.n_columns or 0), NUMBERS) * int(blocks.dtype.itemsize) + 16 * rows
    numbers = SPARSE_NUMBERS
    if blocks.nnz is not None and n_rows:
        numbers = min(numbers, int(rows * blocks.nnz / n_rows))
    return numbers * (int(blocks.dtype.itemsize) + 4) + 24 * rows


def _dense_width(blocks: Blocks) -> int | None:
    """Columns of dense rows; 0 for sparse ones; None where only reading tells."""
    return None if blocks.is_sparse is None else 0 if blocks.is_sparse else blocks.n_columns


def _counted(blocks: Blocks, n_rows: int | None, width: int | None) -> tuple[int | None, int | None]:
    """The rows, None where there are more than COUNTED, and the width of dense ones; read as far as that takes."""
    if n_rows is not None and (n_rows > COUNTED or width is not None):
        return (None if n_rows > COUNTED else n_rows), width
    if not blocks.rereadable:
        return None, width
    rows = 0
    with closing(blocks.read_ahead()) as walk:  # type: ignore[type-var]
        for block in walk:
            rows += len(block)
            width = block.X.shape[1] if isinstance(block.X, np.ndarray) else 0
            if rows > COUNTED:
                return None, width
    return rows, width


def _measure(blocks: Blocks) -> None:
    """Find the width of a source that is wider than memory may allow tables for: one walk, which it remembers."""
    if blocks.n_columns is None and blocks.max_memory is not None and blocks.rereadable:
        for block in blocks:
            if not advance(len(block), block.nbytes):
                raise KeyboardInterrupt


class SGD(Bootstrapped):
    """What both have: lanes, the walk, and how its result becomes attributes."""

    _losses: tuple[str, ...]
    _losses_elsewhere: dict[str, str]

    # --- fit ---

    def _fit(
        self,
        blocks: Blocks,
        n_rows: int | None,
        targets: list[int],
        checked: Checked,
        started: float,
        schedule: Any,
    ) -> Any:
        """Walk; set what a walk tells."""
        check_bootstrap(self, isinstance(checked.loss_parameter, tuple), blocks)
        seed, stop = self._seed(schedule)
        _measure(blocks)
        n_rows = blocks.n_rows if n_rows is None else n_rows
        share = self._share_held_out(blocks, n_rows)
        blocks.reserve(_held_bytes(blocks, n_rows, share), "a held-out set to decide by")
        kept = getattr(self, "_kept", None) if self.warm_start else None
        if kept is not None:
            earlier = self._earlier(kept, checked, "fit with warm_start=True")
            state = earlier.state.select(earlier.winners(earlier.progressive()))
            if self.learning_rate == "adaptive":  # an earlier fit has lowered it
                state.set_rates(np.full(state.lanes, checked.stepping.rate))
        else:
            state = self._state(targets, checked, blocks)
        plan = Schedule(
            seed=seed,
            max_iter=self.max_iter,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            lower_rate=self.learning_rate == "adaptive",
            shuffle=bool(self.shuffle),
            shuffle_rows=self.shuffle_rows,
            holdout=share,
            max_time=checked.max_time if schedule is None else None,
            started=started,
            stop_rows=stop.get("rows"),
            stop_reason=stop.get("reason"),
        )
        identity = {"estimator": type(self).__name__, **self._identity()}
        with threads(self.n_threads):
            learned = learn(
                blocks,
                state,
                plan,
                checkpoint=self.checkpoint,
                identity=identity,
                observe=self._show if self.verbose else None,
            )
        learn_width(self, learned.state.cols, None)
        self._kept = Stream(learned.state).kept(backup=False)
        self.n_iter_, self.t_ = learned.n_iter, float(learned.rows + 1)
        self.history_, self.schedule_, self.stop_reason_ = (
            learned.history,
            learned.schedule,
            learned.stop_reason,
        )
        if (
            learned.state.rows
            and not learned.state.steps
            and learned.stop_reason not in ("interrupted", "time")
        ):
            raise ValueError(
                f"sample_weight is zero in every row of {blocks.source}; at least one row needs a positive weight"
            )
        self._take(learned.state, blocks.dtype)
        self._learn_replicates(blocks, learned, checked, plan)
        self._warn(learned.stop_reason)
        return self

    def _seed(self, schedule: Any) -> tuple[int, dict[str, Any]]:
        """The seed, and where to end if the schedule of an earlier fit is given."""
        drawn = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        if schedule is None:
            return drawn, {}
        check_schedule(schedule)
        seed = int(schedule["seed"])
        if isinstance(self.random_state, (int, np.integer)) and drawn != seed:
            raise ValueError(
                f"schedule is of a fit with another seed than random_state={self.random_state!r} gives; "
                "pass that fit's random_state, or None"
            )
        return seed, schedule["stop"]

    def _refuse_width(self, columns: int, models: int | None = None) -> None:
        """Say that tables of so many columns exceed this machine's memory, before the system ends the process."""
        if models is None:  # as `_state` chooses where the width is not known
            models = len(raced_rates(stepping(self).rate, 1, None, None)[0])
        need = 3 * lane_bytes(models, columns)
        if need > 0.9 * physical_memory():
            raise ValueError(
                f"{type(self).__name__} with {models} model{'s' * (models > 1)} on {columns:,} columns takes {show_size(need)}, and this machine "
                f"has {show_size(physical_memory())}; number the columns without gaps, or hash them into fewer"
                + (", or name one rate with eta0=" if models > 1 and stepping(self).rate is None else "")
            )

    def _state(self, targets: list[int], checked: Checked, blocks: Blocks | None) -> Any:
        """Lanes: each target at each of the raced rates; for several quantiles a state of such lanes each."""
        columns = None if blocks is None else blocks.n_columns
        memory = None if blocks is None else blocks.max_memory
        parameter = checked.loss_parameter
        several = parameter if isinstance(parameter, tuple) else (parameter,)
        models = len(targets) * len(several)
        rates, need = raced_rates(checked.stepping.rate, models, columns, memory)
        if columns is not None:
            self._refuse_width(columns, models * len(rates))
        if blocks is not None:
            blocks.reserve(need, f"{type(self).__name__} with {models} x {len(rates)} models")
        # Many classes are shared out among states, and these among threads.
        apart = BESIDE if models * len(rates) > 2 * BESIDE else models
        bunches = [targets[i : i + apart] for i in range(0, len(targets), apart)]
        states = [
            Sgd(
                self.loss,
                np.repeat(some, len(rates)),
                np.tile(rates, len(some)),
                np.full(len(some) * len(rates), checked.l1),
                np.full(len(some) * len(rates), checked.l2),
                fit_intercept=bool(self.fit_intercept),
                classes=is_classifier(self),
                penalty_scale=penalty_scale_of(self),
                loss_parameter=one,
                step=checked.stepping.step,
                step_power=checked.stepping.power,
                step_offset=checked.stepping.offset,
            )
            for one in several
            for some in bunches
        ]
        if len(states) == 1:
            return states[0]
        return SgdGroup(states, np.repeat(np.arange(models), len(rates)))

    def _share_held_out(self, blocks: Blocks, n_rows: int | None) -> float:
        """The share of rows held out: no more than are scored, and none of a small data set.

        A function of the data alone, not of what its storage knows before it is read.
        """
        if not self.early_stopping:
            return 0.0
        share, width = float(self.validation_fraction), _dense_width(blocks)
        if blocks.sequential_first:
            n_rows, width = _counted(blocks, n_rows, width)
        if n_rows is None:
            return min(share, SHARE_OF_MORE)
        if n_rows < HOLD_OUT_FROM:
            return 0.0
        return min(share, min(ROWS, NUMBERS // width if width else ROWS) / n_rows)

    def _identity(self) -> dict[str, Any]:
        names = ["loss", "penalty", "alpha", "l1_ratio", "fit_intercept", "early_stopping"]
        names += ["learning_rate", "power_t"]
        if self.loss in LOSS_PARAMETERS:
            names.append(LOSS_PARAMETERS[self.loss])
        values = {name: getattr(self, name) for name in names}
        several = {name: [float(q) for q in v] for name, v in values.items() if np.ndim(v)}
        return {"penalty_scale": penalty_scale_of(self), **values, **several}

    def _show(self, entry: dict[str, Any]) -> None:
        held = entry["held_out_loss"]
        print(
            f"{type(self).__name__}: {entry['seconds']:.2f} s, {entry['rows']:,} rows, epoch {entry['epoch'] + 1}, "
            f"loss {entry['loss']:.5g}" + ("" if held is None else f", held-out {held:.5g}")
        )

    def _warn(self, reason: str) -> None:
        if reason == "interrupted":
            warnings.warn(
                f"{type(self).__name__}.fit was interrupted after {int(self.t_) - 1} rows; "
                "the model is the best one so far",
                UserWarning,
                stacklevel=4,
            )
        elif reason == "max_iter" and self.tol is not None and self.max_iter > 1:
            warnings.warn(
                f"Maximum number of iteration reached before convergence: the loss still fell in epoch {self.n_iter_}. "
                "Consider increasing max_iter to improve the fit.",
                ConvergenceWarning,
                stacklevel=4,
            )

    # --- partial_fit ---

    def _partial(self, blocks: Blocks, targets: list[int], checked: Checked) -> Any:
        """Each row once, in the order in which it comes; any cut into batches gives the same bits."""
        if checked.max_time is not None or self.checkpoint is not None:
            raise ValueError("max_time and checkpoint are for fit; leave them None with partial_fit")
        if self.n_bootstrap:
            raise ValueError("n_bootstrap is for fit; leave it 0 with partial_fit")
        if self.learning_rate == "adaptive":
            raise ValueError(
                "learning_rate='adaptive' lowers its rate between epochs, which partial_fit does not know; "
                "use 'constant', or fit"
            )
        kept = getattr(self, "_kept", None)
        if kept is None:
            stream = Stream(self._state(targets, checked, None))
        else:
            stream = self._earlier(kept, checked, "partial_fit")
        with threads(self.n_threads):
            for block in blocks:
                stream.take(block, 0, len(block), blocks.source)
            stream.check(blocks.source)
        stream.need_rows(blocks.source)
        winners = stream.winners(stream.progressive())
        # With the losses that the winners were chosen by.
        self._kept = stream.kept()
        self.n_iter_, self.t_ = 1, float(stream.rows + 1)
        learn_width(self, stream.state.cols, None)
        self._take(stream.state.select(winners), blocks.dtype)
        return self

    def _earlier(self, kept: Any, checked: Checked, how: str) -> Stream:
        """The stream that there is, which has learned by the same loss and steps."""
        stream = Stream.of(kept)
        wanted: Any = checked.loss_parameter
        wanted = wanted[0] if isinstance(wanted, tuple) and len(wanted) == 1 else wanted
        if stream.state.loss != (self.loss, wanted):
            loss, parameter = stream.state.loss
            name = LOSS_PARAMETERS.get(loss)
            raise ValueError(
                f"{how} goes on from a model with loss={loss!r}{f' and {name}={parameter}' if name else ''}; set "
                "the same, or fit anew"
            )
        s = checked.stepping
        if stream.state.step != (s.step, s.power, s.offset):
            raise ValueError(
                f"{how} goes on from a model of other steps than learning_rate={self.learning_rate!r}, alpha={self.alpha!r} "
                f"and power_t={self.power_t!r} give; set what it was fitted with, or fit anew"
            )
        return stream

    def _take(self, state: Sgd, dtype: Any) -> None:
        coef, intercept = state.finish()
        self.coef_ = coef.astype(dtype, copy=False)
        self.intercept_ = np.asarray(intercept, dtype=np.float64)

    def _refuse_initial(self, coef_init: Any, intercept_init: Any) -> None:
        for name, value in (("coef_init", coef_init), ("intercept_init", intercept_init)):
            if value is not None:
                raise ValueError(
                    f"{name} is not implemented; use warm_start=True to go on from an earlier fit"
                )

    def _twin_parameters(self) -> dict[str, Any]:
        names = ["loss", "penalty", "alpha", "l1_ratio", "epsilon", "fit_intercept", "random_state"]
        if self.learning_rate in SCHEDULES:
            names += ["learning_rate"] + [n for n in ("eta0", "power_t") if getattr(self, n) is not None]
        return {name: getattr(self, name) for name in names}
