"""The loop: epochs of a learner that steps, and every decision of such a walk.

Race, back-off, validation, early stopping and the budget are decided here, at counts of rows consumed, so that they
depend on the data and the seed alone. The one thing that the clock decides is when to end early; that is logged in
the schedule, and a fit that is given the schedule ends there again, with the same bits.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from esker import learning_checkpoint as checkpoints
from esker._progress import advance
from esker.blocks import ArrayBlocks
from esker.blocks.walks import closing
from esker.learning_clock import GRAIN, Interrupt, Pacer, interruptible
from esker.learning_holdout import GroupsOf, Visited, without_held_out
from esker.learning_judge import Judge, Verdict
from esker.learning_race import is_due, race
from esker.learning_schedule import Learned, Schedule
from esker.learning_stream import LAST_SPACING, Stream, next_mark

if TYPE_CHECKING:
    from esker.blocks import Blocks
    from esker.folds import Sgd

__all__ = ["Learned", "Schedule", "learn"]

#: Seconds in which a weight is read out of the tables of many models, and rounded, at the end of a fit.
READ_OUT = 1.5e-8
#: Seconds of work between two checkpoints.
CHECKPOINT_EVERY = 3.0


def learn(
    blocks: Blocks,
    state: Sgd,
    schedule: Schedule,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    identity: dict[str, Any] | None = None,
    observe: Callable[[dict[str, Any]], None] | None = None,
    groups: GroupsOf | None = None,
) -> Learned:
    """Walk `blocks`, an epoch after the other, through `state`.

    Parameters
    ----------
    blocks : Blocks
    state : Sgd
        Changed in place; its lanes that share a target race.
    schedule : Schedule
    checkpoint : path, optional
        Where to save everything, every few seconds; if it exists, the walk goes on from there, to the same bits as if
        it had never ended. Removed when the walk is complete.
    identity : dict, optional
        What else a checkpoint must agree on (JSON): parameters, classes.
    observe : callable, optional
        Called with each entry of the history as it is made.
    groups : callable, optional
        The groups of the rows at some places of a block; whole groups are held out then.

    Returns
    -------
    Learned
        ``history`` has an entry at each work mark and end of an epoch:
        ``{"seconds": 0.52, "rows": 65536, "bytes": 41943040, "epoch": 0, "loss": 0.31, "held_out_loss": 0.33,
        "held_out_error": 0.004, "lanes": 4}``; ``bytes`` is the size in memory of the rows learned from; ``loss`` is the
        mean progressive loss of the best lanes since the mark before the last; ``held_out_loss`` is None where none was
        measured, as is ``held_out_error``, the standard error of that mean over rows (over groups, where whole groups are
        held out); ``lanes`` counts the models alive. ``schedule`` is ``{"version": 1, "seed": 7, "decisions": [{"rows": 65536, "event": "selected",
        "lanes": [2]}], "stop": {"rows": 131072, "reason": "time"}}``; events are "selected", "dropped", "halved",
        "lowered", and "spawned": each new lane's own is the one named in its place. Before these an estimator may log "raced": the
        rate and penalty that a walk of a few classes found for many.
    """
    return _Walk(blocks, state, schedule, checkpoint, identity or {}, observe, groups).run()


class _Stop(Exception):
    """The walk ends here; the argument is the reason."""


class _Walk:
    """One call of `learn`: where it is, and the best model so far."""

    def __init__(
        self,
        blocks: Blocks,
        state: Sgd,
        schedule: Schedule,
        checkpoint: str | os.PathLike[str] | None,
        identity: dict[str, Any],
        observe: Callable[[dict[str, Any]], None] | None,
        groups: GroupsOf | None,
    ) -> None:
        self.blocks, self.schedule, self.path, self.observe = blocks, schedule, checkpoint, observe
        self.identity, self.groups = identity, groups
        self.stream, self.judge = Stream(state), Judge(schedule)
        self.epoch = self.chunk = self.offset = 0
        self.back_offs = 0
        self.nbytes = 0.0
        self.before = 0.0  # seconds of the runs that the checkpoint continues
        self.started = perf_counter() if schedule.started is None else schedule.started
        self.pacer, self.saved = Pacer(None), perf_counter()
        self.interrupt = Interrupt()
        self._identified: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []

    # --- the walk ---

    def run(self) -> Learned:
        if not self.blocks.rereadable and self.schedule.max_iter > 1:
            raise ValueError(
                f"{self.blocks.source} can be read once, and max_iter={self.schedule.max_iter} epochs were asked for; "
                "pass max_iter=1; or a list, or a function that returns a new one each time; or convert it to a "
                "block file first (esker convert, or esker.blocks.write_block_file)"
            )
        if self.path is not None:
            self._resume()
        limit = self.schedule.max_time
        self.pacer = Pacer(None if limit is None else self.started + limit - self.before)
        reason = "max_iter"
        try:
            with interruptible() as self.interrupt:
                while self.epoch < self.schedule.max_iter:
                    self._walk_epoch()
                    self._end_epoch()
                    if self.stream.rows == self.schedule.stop_rows:
                        raise _Stop(self.schedule.stop_reason)
        except _Stop as stop:
            reason = str(stop)
        if self.schedule.stop_rows not in (None, self.stream.rows) and reason != "interrupted":
            raise self._other_end(f"this one ended after {self.stream.rows} rows ({reason})")
        state = self._finish(reason)
        if self.path is not None and reason != "interrupted":
            checkpoints.remove(self.path)
        log = {"version": 1, "seed": self.schedule.seed, "decisions": self.stream.events}
        log["stop"] = {"rows": self.stream.rows, "reason": reason}
        epochs = self.epoch + (1 if self.chunk or self.offset else 0)
        return Learned(
            state,
            reason,
            epochs,
            self.stream.rows,
            self.history,
            log,
            self.judge.falling,
            self.judge.held.blocks,
        )

    def _walk_epoch(self) -> None:
        s = self.schedule
        then = without_held_out(s.seed, s.holdout, self.groups)
        walk: dict[str, Any] = {"shuffle_rows": s.shuffle_rows, "start": self.chunk, "then": then}
        with closing(self.blocks.visits(self.epoch, seed=s.seed, shuffle=s.shuffle, **walk)) as visits:
            while (visited := self._next(visits)) is not None:
                self._learn_block(visited)
                del visited  # its memory is free before the next one is filled
                self.chunk, self.offset = self.chunk + 1, 0

    def _next(self, visits: Any) -> Visited | None:
        """The next block, without its held-out rows, and those; Ctrl-C while waiting for it ends the walk."""
        s = self.schedule
        self.interrupt.waiting = True
        try:
            if self.interrupt.came or (s.stop_reason == "interrupted" and s.stop_rows == self.stream.rows):
                self.interrupt.came = True
                raise KeyboardInterrupt
            visited: Visited | None = next(visits, None)
        except KeyboardInterrupt:
            if not self.interrupt.came:
                raise
            if self.path is not None:
                self._save()
            raise _Stop("interrupted") from None
        finally:
            self.interrupt.waiting = False
        return visited

    def _learn_block(self, visited: Visited) -> None:
        whole, block, held = visited
        if self.epoch == 0 and self.offset == 0:
            self.judge.held.add(whole, held, self.groups)
        assert block.order is not None
        n, per_row = len(block.order), whole.nbytes / max(1, len(whole))
        while self.offset < n:
            self._check_stop()
            stream = self.stream
            # Learners that share rows meet at fixed rows, and a piece ends there.
            grain = stream.round or min(GRAIN, self.pacer.rows)
            rows = max(self.pacer.rows // grain, 1) * grain - stream.rows % grain
            mark = next_mark(stream.rows)
            rows = min(rows, n - self.offset, mark - stream.rows)
            if self.schedule.stop_rows is not None:
                rows = min(rows, self.schedule.stop_rows - stream.rows)
            begun = perf_counter()
            stream.take(block, self.offset, self.offset + rows, self.blocks.source)
            self.offset += rows
            self.nbytes += rows * per_row
            self.pacer.done(rows, perf_counter() - begun)
            facts = {"epoch": float(self.epoch)}
            if stream.rows == mark:
                facts["loss"] = self._mark()
            if not advance(rows, int(rows * per_row), **facts):
                self.interrupt.came = True
            if self.path is not None and perf_counter() - self.saved > CHECKPOINT_EVERY:
                self._save()

    def _check_stop(self) -> None:
        """End the walk where a fit before this one did; else where the clock or Ctrl-C says so."""
        s, rows = self.schedule, self.stream.rows
        if rows == s.stop_rows and s.stop_reason in ("time", "interrupted"):
            raise _Stop(s.stop_reason)
        if self.interrupt.came:
            if self.path is not None:
                self._save()
            raise _Stop("interrupted")
        if s.stop_rows is not None:
            if rows >= s.stop_rows:
                raise self._other_end("rows of this one's epoch are left then")
            return
        within = self.stream.round > 0 and rows % self.stream.round > 0
        if rows > 0 and not within and self.pacer.late(self._reserve()):
            raise _Stop("time")

    def _other_end(self, differs: str) -> ValueError:
        """What to raise where a schedule's end is not where this walk ends."""
        s = self.schedule
        return ValueError(
            f"schedule is of a fit that ended after {s.stop_rows} rows ({s.stop_reason}), and {differs}: data or "
            "parameters (early_stopping, validation_fraction, max_iter, tol, ...) differ; give that fit's, or no schedule"
        )

    def _reserve(self) -> float:
        """Seconds that one more piece, a look at the held-out rows, and reading the weights out take."""
        state = self.stream.state
        judging = 0.0
        if self._undecided():
            judging = 2 * self.judge.seconds
            if not judging and np.isfinite(self.pacer.row):  # a row of this run has been timed
                judging = self.judge.held.rows * self.pacer.row
        models = len(set(state.targets.tolist())) if state.lanes > 1 else 1
        return self.pacer.piece + judging + models * state.cols * READ_OUT

    def _undecided(self) -> bool:
        """Does a last look at the held-out rows choose between models?"""
        return self.stream.racing or self.judge.decides

    # --- decisions ---

    def _mark(self) -> float:
        """At a work mark: who leads, and whether the race is over."""
        stream = self.stream
        if is_due(stream) and (self.epoch == 0 or stream.spawned):
            self._race()
        if self.schedule.average == "either" and self.epoch == 0 and stream.rows <= LAST_SPACING:
            stream.state.set_average(1)  # from here on: early steps are far off
        stream.share(self.schedule.n_shards)
        return self._log(None)

    def _race(self) -> None:
        penalties = self.schedule.penalties if self.judge.held.enough else ()
        race(self.stream, self.judge.loss(self.stream), penalties)

    def _end_epoch(self) -> None:
        """At the end of an epoch: the better model is kept, and the walk ends where nothing is gained any more."""
        s, stream = self.schedule, self.stream
        if stream.rows == 0:
            raise ValueError(f"{self.blocks.source} has no rows to learn from")
        stream.check(self.blocks.source)
        ends = self.epoch + 1 == s.max_iter and s.average == "last" and self.path is None
        held = self.judge.verdict(stream, last=ends)
        if is_due(stream):
            self._race()
            stream.share(s.n_shards)
        mean = stream.epoch_mean()
        self._log(held)
        judge = self.judge
        lost = stream.back_offs > self.back_offs  # what came of the epoch says nothing then
        self.back_offs = stream.back_offs
        judge.gained(held, float(np.mean(mean[stream.winners(mean)])), lost=lost)
        self.epoch, self.chunk, self.offset = self.epoch + 1, 0, 0
        stream.start_epoch()
        if s.average == "either":
            stream.state.set_average(1)  # of the next epoch alone
        if s.tol is not None and judge.stale >= s.n_iter_no_change:
            if not (s.lower_rate and stream.lower_rates()):
                raise _Stop("converged")
            judge.stale = 0

    def _finish(self, reason: str) -> Sgd:
        """The best model: by held-out rows where there are enough, else the last one of the leading lanes."""
        stream, judge = self.stream, self.judge
        stream.check(self.blocks.source)
        if judge.best is None:
            stream.need_rows(self.blocks.source)
        if (self.chunk or self.offset or judge.best is None) and (reason != "time" or self._undecided()):
            self._log(judge.verdict(stream, last=True))
        return judge.last(stream) if judge.best is None else judge.best

    def _log(self, held: Verdict | None) -> float:
        stream = self.stream
        loss = stream.progressive()
        mean = float(np.mean(loss[stream.winners(loss)]))
        entry = {
            "seconds": self.before + perf_counter() - self.started,
            "rows": stream.rows,
            "bytes": round(self.nbytes),
            "epoch": self.epoch,
            "loss": mean,
            "held_out_loss": None if held is None else held.loss,
            "held_out_error": None if held is None else held.error,
            "lanes": stream.state.lanes,
        }
        if self.history and self.history[-1]["rows"] == stream.rows and held is None:
            return mean
        self.history.append(entry)
        if self.observe is not None:
            self.observe(entry)
        return mean

    # --- checkpoints ---

    def _identity(self) -> dict[str, Any]:
        s = asdict(self.schedule)
        for name in ("max_time", "started", "stop_rows", "stop_reason"):
            del s[name]
        b = self.blocks
        with closing(b.read(b.parts[0])) as some:
            first = next(some, None) if b.rereadable else None
        data = {"dtype": str(b.dtype), "parts": len(b.parts)}
        if not b.sequential_first:  # else a walk, or a cache that is made on the way, may tell them later
            data |= {"rows": b.n_rows, "columns": b.n_columns}
        data["first rows"] = None if first is None else checkpoints.fingerprint(first)
        if isinstance(b, ArrayBlocks):
            data["rows all over"] = checkpoints.fingerprint_arrays(b.X, b.y, b.sample_weight)
        state = self.stream.state
        lanes = {"targets": state.targets.tolist(), "rates": state.rates.tolist()}
        return {**self.identity, **s, **{f"data {k}": v for k, v in data.items()}, **lanes}

    def _save(self) -> None:
        assert self.path is not None
        stream = self.stream
        arrays = {f"stream/{k}": v for k, v in stream.to_arrays().items()}
        arrays |= self.judge.to_arrays()
        facts = {
            "identity": self._identified,
            "position": [self.epoch, self.chunk, self.offset],
            "judge": self.judge.facts(),
            "bytes": self.nbytes,
            "seconds": self.before + perf_counter() - self.started,
            "stream": stream.facts(),
            "shards": [stream.shards, stream.shard_rows],
            "history": self.history,
        }
        checkpoints.save(self.path, facts, arrays)
        self.saved = perf_counter()

    def _resume(self) -> None:
        assert self.path is not None
        self._identified = self._identity()
        found = checkpoints.load(self.path, self._identified)
        if found is None:
            return
        facts, arrays = found
        groups: dict[str, dict[str, Any]] = {"stream": {}, "held": {}, "best": {}, "reference": {}}
        for name, values in arrays.items():
            group, rest = name.split("/", 1)
            groups[group][rest] = values
        kind = type(self.stream.state)
        self.stream = Stream.restored(kind, facts["stream"], groups["stream"])
        self.judge.restore(kind, facts["judge"], groups)
        self.epoch, self.chunk, self.offset = facts["position"]
        self.stream.shards, self.stream.shard_rows = facts["shards"]
        self.back_offs = self.stream.back_offs
        self.nbytes = facts["bytes"]
        self.before, self.history = facts["seconds"], facts["history"]
