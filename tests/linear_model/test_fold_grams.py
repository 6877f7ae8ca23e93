"""Fold Grams: the folds are scikit-learn's, their sums are those of their rows, whatever the cut into blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold

from esker import open_blocks
from esker.blocks import ArrayBlocks
from esker.folds import Gram
from esker.linear_model._fold_grams import FoldGrams, fold_grams, splits_of


def rows(n: int = 9_000, d: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((n, d)) + 4
    return X, X @ np.arange(d) + rng.standard_normal(n)


def walk_of(blocks: Any) -> Any:
    def walk(update: Any) -> None:
        for block in blocks:
            update(block)

    return walk


def check(gram: Gram, X: np.ndarray, y: np.ndarray) -> None:
    Z = X - X.mean(axis=0)
    assert gram.rows == len(X)
    np.testing.assert_allclose(gram.finish(), Z.T @ Z, rtol=1e-9, atol=1e-9 * len(X))
    np.testing.assert_allclose(gram.xy[:, 0], Z.T @ (y - y.mean()), rtol=1e-9, atol=1e-9 * len(X))


@pytest.mark.parametrize("cv", [3, 4, KFold(5, shuffle=True, random_state=0)], ids=str)
def test_folds_of_arrays_are_scikit_learns(cv: Any) -> None:
    X, y = rows()
    blocks = ArrayBlocks(X, y, block_size="100KB")
    splits = splits_of(blocks, cv)
    folds, pairs = fold_grams(splits, walk_of(blocks))
    assert pairs is None
    for i, (train, test) in enumerate((KFold(cv) if isinstance(cv, int) else cv).split(X)):
        check(folds.grams[i], X[test], y[test])
        check(folds.training(i), X[train], y[train])
    check(folds.training(), X, y)


def test_labels_are_stratified_for_a_classifier() -> None:
    X, _ = rows()
    labels = np.arange(len(X)) % 3
    blocks = ArrayBlocks(X, labels)
    splits = splits_of(blocks, 3, classifier=True)
    assert splits.fold_of is not None
    fold = np.concatenate([splits.fold_of(block) for block in blocks])
    for i, (_, test) in enumerate(StratifiedKFold(3).split(X, labels)):
        assert np.array_equal(np.flatnonzero(fold == i), test)


def test_splits_that_are_no_partition() -> None:
    X, y = rows(3_000)
    blocks = ArrayBlocks(X, y, block_size="50KB")
    cv = ShuffleSplit(3, test_size=0.2, random_state=1)
    whole, pairs = fold_grams(splits_of(blocks, cv), walk_of(blocks))
    check(whole.training(), X, y)
    assert pairs is not None
    for (train, test), (train_gram, test_gram) in zip(cv.split(X), pairs):
        check(train_gram, X[train], y[train])
        check(test_gram, X[test], y[test])


def test_npy_files_have_the_folds_of_arrays_and_text_draws_them_by_key(tmp_path: Path) -> None:
    X, y = rows()
    np.save(tmp_path / "x.npy", np.column_stack([X, y]))
    file = open_blocks(tmp_path / "x.npy", target=5, block_size="100KB")
    splits = splits_of(file, 7)
    folds, _ = fold_grams(splits, walk_of(file))
    for i, (_, test) in enumerate(KFold(7).split(X)):
        check(folds.grams[i], X[test], y[test])
    np.savetxt(tmp_path / "x.csv", np.column_stack([X, y]), delimiter=",", header="a,b,c,d,e,y", comments="")
    drawn = []
    for size in ("50KB", "1MB"):
        text = open_blocks(tmp_path / "x.csv", target="y", block_size=size)
        fold_of = splits_of(text, 4).fold_of
        assert fold_of is not None
        drawn.append(np.concatenate([fold_of(block) for block in text]))
    assert np.array_equal(*drawn)
    assert np.bincount(drawn[0], minlength=4).min() > len(X) / 4 * 0.9


def test_states_of_folds_merge_and_come_back() -> None:
    X, y = rows(500)
    fold = np.arange(500) % 3
    one, other, both = FoldGrams(3), FoldGrams(3), FoldGrams(3)
    from esker.blocks import Block

    one.update(Block(X[:200], y[:200]), fold[:200])
    other.update(Block(X[200:], y[200:]), fold[200:])
    both.update(Block(X, y), fold)
    one.merge(FoldGrams.from_arrays(other.to_arrays()))
    for mine, theirs in zip(one.grams, both.grams):
        np.testing.assert_allclose(mine.finish(), theirs.finish(), rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("cv", [1, 10_000])
def test_numbers_of_folds_that_cannot_be(cv: int) -> None:
    with pytest.raises(ValueError, match="at least 2 folds and at most the number of rows"):
        splits_of(ArrayBlocks(*rows(100)), cv)


def test_blocks_take_a_number_of_folds_only(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", rows(100)[0])
    with pytest.raises(ValueError, match="cv must be a number of folds for"):
        splits_of(open_blocks(tmp_path / "x.npy", target=0), KFold(3))
