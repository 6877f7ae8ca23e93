"""What SGDClassifier and SGDRegressor share: lanes, the walk, and how its result becomes attributes."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from esker._native import threads
from esker.blocks.arrays import ArrayBlocks
from esker.blocks.memory import show_size
from esker.folds import Sgd, SgdClasses, SgdGroup
from esker.learning import Schedule, learn
from esker.learning_schedule import check_schedule
from esker.learning_stream import Stream
from esker.linear_model._base import learn_width
from esker.linear_model._sgd_asked import Asked, RowGroups, initial_weights
from esker.linear_model._sgd_bootstrap import Bootstrapped, check_bootstrap
from esker.linear_model._sgd_going_on import apply_parameters, parameters_of
from esker.linear_model._sgd_lanes import PENALTIES, lane_bytes, lanes_of, penalties_race, refuse_width
from esker.linear_model._sgd_many import race_many
from esker.linear_model._sgd_parameters import LOSS_PARAMETERS, SHARDS, Checked, alpha_of, shares
from esker.linear_model._sgd_rows import (
    HOLD_OUT_FROM,
    counted,
    held_bytes,
    measure,
    share_held_out,
    tell_weights,
)
from esker.linear_model._sgd_steps import SCHEDULES, penalty_scale_of
from esker.linear_model._sgd_useless import warn_useless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from esker.blocks import Blocks

__all__ = ["SGD"]


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
        asked: Asked,
    ) -> Self:
        """Walk; set what a walk tells."""
        check_bootstrap(self, isinstance(checked.loss_parameter, tuple), blocks, asked)
        schedule = asked.schedule
        seed, stop = self._seed(schedule)
        raced: list[dict[str, Any]] = []
        measure(blocks)
        tell_weights(self, blocks)
        n_rows = blocks.n_rows if n_rows is None else n_rows
        known = counted(blocks, n_rows) if self.early_stopping or checked.follows_rows else (n_rows, None)
        checked = checked.of_rows(known[0])
        share = share_held_out(self, *known)
        blocks.reserve(held_bytes(blocks, n_rows, share), "a held-out set to decide by")
        groups = None
        if asked.groups is not None:
            groups = self._row_groups(blocks, asked.groups, share)
            share = groups.share(seed, share)
        kept = self._kept if self._goes_on(asked) else None
        if kept is not None:
            earlier = self._earlier(kept, checked, "fit with warm_start=True")
            state = earlier.state.select(earlier.winners(earlier.progressive()))
            if self.learning_rate == "adaptive":  # an earlier fit has lowered it
                state.set_rates(np.full(state.lanes, checked.stepping.rate))
        else:
            if share == 0:
                checked = replace(checked, races=False)
            at_rate, raced, stop = race_many(
                self, blocks, checked, asked, groups, stop, seed=seed, holdout=share
            )
            state = self._state(targets, at_rate, blocks, begins=asked.begins)
            if asked.begins:
                initial_weights(self, asked, state, blocks, len(targets))
        if state.average != checked.average or self.average == "auto":
            state.set_average(checked.average)
        shards = self._shards(blocks, state)
        if shards > 1 and blocks.n_columns is not None:
            tables = shards * lane_bytes(len(targets), blocks.n_columns)
            blocks.reserve(tables, f"{shards} learners that share the rows, n_shards={shards}")
        plan = self._schedule(
            seed=seed,
            n_shards=shards,
            holdout=share,
            penalties=PENALTIES if penalties_race(state, targets) else (),
            average={False: "last", "auto": "either"}.get(self.average, "averaged"),
            max_time=checked.max_time if schedule is None else None,
            started=asked.started,
            stop_rows=stop.get("rows"),
            stop_reason=stop.get("reason"),
        )
        identity = {"estimator": type(self).__name__, **self._identity()}
        identity |= {"groups": None if groups is None else groups.told, **asked.told()}
        with threads(self.n_threads):
            learned = learn(
                blocks,
                state,
                plan,
                checkpoint=self.checkpoint,
                identity=identity,
                observe=self._show if self.verbose else None,
                groups=groups,
            )
        learned.schedule["decisions"][:0] = raced
        learn_width(self, learned.state.cols, None)
        kept = Stream(learned.state, backup=False).kept(backup=False)
        self._kept = kept | {"given": parameters_of(self, checked)}
        self.n_iter_, self.t_ = learned.n_iter, float(learned.rows + 1)
        self.history_, self.schedule_ = learned.history, learned.schedule
        self.stop_reason_ = learned.stop_reason
        ended = learned.stop_reason in ("interrupted", "time")
        if learned.state.rows and not learned.state.steps and not ended:
            raise ValueError(
                f"sample_weight is zero in every row of {blocks.source}; at least one row needs a positive weight"
            )
        self._take(learned.state, blocks.dtype)
        self._learn_replicates(blocks, learned, checked, plan)
        self._warn(learned.stop_reason, learned.falling)
        warn_useless(self, blocks, learned)
        return self

    def _goes_on(self, asked: Asked) -> bool:
        """Whether a fit goes on from the model that there is."""
        return bool(self.warm_start) and hasattr(self, "_kept") and not asked.begins

    def _schedule(self, **more: Any) -> Schedule:
        """What the parameters let a walk do."""
        return Schedule(
            max_iter=self.max_iter,
            tol=self.tol,
            labels=is_classifier(self),
            joint=self.loss == "softmax",
            n_iter_no_change=self.n_iter_no_change,
            lower_rate=self.learning_rate == "adaptive",
            shuffle=bool(self.shuffle),
            shuffle_rows=self.shuffle_rows,
            **more,
        )

    def _shards(self, blocks: Blocks, state: Any) -> int:
        """How many learners share the rows."""
        given = getattr(self, "n_shards", 1)
        if given is None:  # of two classes it has been seen to pay
            alone = not isinstance(blocks, ArrayBlocks) or blocks.max_memory is not None
            return SHARDS if not alone and shares(self) and len(set(state.targets.tolist())) == 1 else 1
        if given > 1 and isinstance(state, SgdGroup):
            raise ValueError(
                f"n_shards={given!r} has no effect with hundreds of classes, which all threads learn; leave it None"
            )
        return int(given)

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

    def _refuse_width(self, columns: int) -> None:
        refuse_width(self, columns)

    def _state(self, targets: Sequence[int], checked: Checked, blocks: Blocks | None, **how: bool) -> Any:
        return lanes_of(self, targets, checked, blocks, **how)

    def _row_groups(self, blocks: Blocks, groups: Any, share: float) -> RowGroups:
        if not self.early_stopping:
            raise ValueError(
                "groups= has no effect with early_stopping=False, which holds nothing out; leave it None"
            )
        if share == 0:
            raise ValueError(
                f"groups= has no effect with fewer than {HOLD_OUT_FROM:,} rows, of which none are held out; leave it None"
            )
        return RowGroups.of(blocks, groups)

    def _identity(self) -> dict[str, Any]:
        names = ["loss", "penalty", "alpha", "l1_ratio", "fit_intercept", "early_stopping"]
        names += ["learning_rate", "power_t", "average"]
        if self.loss in LOSS_PARAMETERS:
            names.append(LOSS_PARAMETERS[self.loss])
        values = {name: getattr(self, name) for name in names}
        several = {name: [float(q) for q in v] for name, v in values.items() if np.ndim(v)}
        return {"penalty_scale": penalty_scale_of(self), **values, **several}

    def _show(self, entry: dict[str, Any]) -> None:
        held, lanes = entry["held_out_loss"], entry["lanes"]
        print(
            f"{type(self).__name__}: {entry['seconds']:.2f} s, {entry['rows']:,} rows ({show_size(entry['bytes'])}), "
            f"epoch {entry['epoch'] + 1}, {lanes} model{'s' * (lanes > 1)}, loss {entry['loss']:.5g}"
            + ("" if held is None else f", held-out {held:.5g} +- {entry['held_out_error']:.1g}")
        )

    def _warn(self, reason: str, falling: bool) -> None:
        if reason == "interrupted":
            warnings.warn(
                f"{type(self).__name__}.fit was interrupted after {int(self.t_) - 1} rows; "
                "the model is the best one so far",
                UserWarning,
                stacklevel=4,
            )
        elif reason == "time" and falling and self.tol is not None:
            warnings.warn(
                f"max_time={self.max_time!r} ended the fit in epoch {self.n_iter_}, after {int(self.t_) - 1:,} rows, while "
                "the loss was still falling; more time may improve it",
                ConvergenceWarning,
                stacklevel=4,
            )
        elif reason == "max_iter" and self.tol is not None and self.max_iter > 1:
            why = (
                f"the loss still fell in epoch {self.n_iter_}"
                if falling
                else f"no n_iter_no_change={self.n_iter_no_change} epochs in a row were without gain"
            )
            warnings.warn(
                f"Maximum number of iteration reached before convergence: {why}. "
                "Consider increasing max_iter to improve the fit.",
                ConvergenceWarning,
                stacklevel=4,
            )

    # --- partial_fit ---

    def _refuse_partial(self, checked: Checked) -> None:
        """What is for fit alone."""
        if checked.max_time is not None or self.checkpoint is not None:
            raise ValueError("max_time and checkpoint are for fit; leave them None with partial_fit")
        if self.n_bootstrap:
            raise ValueError("n_bootstrap is for fit; leave it 0 with partial_fit")
        if getattr(self, "n_shards", None) not in (None, 1):
            raise ValueError("n_shards is for fit; leave it None with partial_fit")
        if self.learning_rate == "adaptive":
            raise ValueError(
                "learning_rate='adaptive' lowers its rate between epochs, which partial_fit does not know; "
                "use 'constant', or fit"
            )
        if self.average == "auto":
            raise ValueError(
                "average='auto' decides by held-out rows, and partial_fit holds nothing out; use True, False, or a number of "
                "rows"
            )

    def _partial(self, blocks: Blocks, targets: list[int], checked: Checked) -> Self:
        """Each row once, in the order in which it comes; any cut into batches gives the same bits."""
        self._refuse_partial(checked)
        kept = getattr(self, "_kept", None)
        if kept is None:
            stream = Stream(self._state(targets, replace(checked, races=False), None))
        else:
            stream = self._earlier(kept, checked, "partial_fit")
        with threads(self.n_threads):
            for block in blocks:
                stream.take(block, 0, len(block), blocks.source)
            stream.check(blocks.source)
        stream.need_rows(blocks.source)
        winners = stream.winners(stream.progressive())
        # With the losses that the winners were chosen by.
        self._kept = stream.kept() | {"given": parameters_of(self, checked)}
        self._published(stream, winners, blocks.dtype)
        return self

    def _published(self, stream: Stream, lanes: list[int], dtype: Any) -> None:
        """Attributes, after a call of partial_fit."""
        self.n_iter_, self.t_ = 1, float(stream.rows + 1)
        learn_width(self, stream.state.cols, None)
        best = stream.leading(lanes)
        self._take(best.averaged() if best.average else best, dtype)

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
        if how == "partial_fit" and stream.state.average != checked.average:
            before = stream.state.average
            raise ValueError(
                f"partial_fit goes on from a model whose averages begin at step {before or None}, and average={self.average!r}; set "
                "what it was fitted with, or fit anew"
            )
        if "given" in kept:
            apply_parameters(stream, kept["given"], parameters_of(self, checked), how)
        return stream

    def _take(self, state: Sgd, dtype: Any) -> None:
        self.__dict__.pop("coef_", None)  # its memory is free before the new one takes some
        self.coef_, intercept = state.finish(dtype)
        self.intercept_ = np.asarray(intercept, dtype=np.float64)
        self.__dict__.pop("alpha_", None)  # of an earlier fit
        if isinstance(state, Sgd | SgdClasses):
            self.alpha_: Any = np.add(*state.penalties)

    def _scores(self, X: Any) -> NDArray[np.float64]:
        scores = super()._scores(X)
        return scores[:, 0] if sparse.issparse(self.coef_) and self._one_model() else scores

    def _one_model(self) -> bool:
        """Is ``coef_`` of shape (d,)?"""
        return not is_classifier(self) and not np.ndim(getattr(self, "quantile", 0.5))

    def sparsify(self) -> Any:
        """Make ``coef_`` a scipy CSR matrix, which is smaller where most weights are zero; `predict` is as before.

        Returns
        -------
        self
        """
        check_is_fitted(self)
        coef: Any = self.coef_
        self.coef_ = coef if sparse.issparse(coef) else sparse.csr_matrix(np.atleast_2d(coef))
        return self

    def densify(self) -> Any:
        """Make ``coef_`` an ndarray again; `fit` and `partial_fit` do so too.

        Returns
        -------
        self
        """
        check_is_fitted(self)
        coef: Any = self.coef_
        if sparse.issparse(coef):
            dense = coef.toarray()
            self.coef_ = dense[0] if self._one_model() else dense
        return self

    def _twin_parameters(self) -> dict[str, Any]:
        names = ["loss", "penalty", "alpha", "l1_ratio", "epsilon", "fit_intercept", "random_state"]
        if self.learning_rate in SCHEDULES:
            names += ["learning_rate"] + [n for n in ("eta0", "power_t") if getattr(self, n) is not None]
        alphas = np.unique(getattr(self, "alpha_", ()))
        alpha = float(alphas[0]) if len(alphas) == 1 and self.penalty is not None else alpha_of(self)
        return {**{name: getattr(self, name) for name in names}, "alpha": alpha}
