"""fit(groups=): whole groups are held out, and held-out losses tell of groups that were not seen."""

import numpy as np
import pytest
from scipy import sparse

from esker import open_blocks
from esker.blocks import ArrayBlocks, Block
from esker.linear_model import SGDClassifier, SGDRegressor
from esker.linear_model._sgd_asked import RowGroups


def visits(n=4000, per=20, seed=0):
    """Rows of subjects: each subject has features, and a label, that are much the same in all of its rows."""
    rng = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(n // per), per)
    own = rng.standard_normal((n // per, 60))
    X = own[subjects] + 0.05 * rng.standard_normal((n, 60))
    y = (rng.random(n // per) < 0.5)[subjects].astype(int)  # nothing to learn but who it is
    mixed = rng.permutation(n)
    return X[mixed], y[mixed], subjects[mixed]


def held_out(model):
    return min(h["held_out_loss"] for h in model.history_ if h["held_out_loss"] is not None)


def test_groups_do_not_flatter():
    X, y, subjects = visits()
    plain = SGDClassifier(random_state=0, max_iter=20, tol=None, eta0=0.5).fit(X, y)
    apart = SGDClassifier(random_state=0, max_iter=20, tol=None, eta0=0.5).fit(X, y, groups=subjects)
    assert held_out(plain) < 0.62  # the same people are learned from
    assert held_out(apart) > 0.66  # a coin's is 0.693
    error = next(h["held_out_error"] for h in apart.history_ if h["held_out_loss"] == held_out(apart))
    naive = next(h["held_out_error"] for h in plain.history_ if h["held_out_loss"] == held_out(plain))
    assert error > 1.5 * naive  # a subject's rows tell the same


def test_whole_groups_are_held_out_and_never_learned_from(monkeypatch):
    X, y, subjects = visits()
    seen = []
    from esker.folds import Sgd

    update = Sgd.update_rows

    def watched(self, block, begin, end):
        seen.append(block.keys[block.order[begin:end]])
        return update(self, block, begin, end)

    monkeypatch.setattr(Sgd, "update_rows", watched)
    SGDClassifier(random_state=0, max_iter=2, tol=None).fit(X, y, groups=subjects)
    learned = np.unique(np.concatenate(seen))
    held = np.setdiff1d(np.arange(len(y)), learned)
    assert 0.03 < len(held) / len(y) < 0.25
    assert not set(subjects[learned]) & set(subjects[held])


def test_a_side_is_a_function_of_seed_and_group_alone():
    names = np.array(["anna", "ben", "cleo", "dora", "emil", "finn"])
    rng = np.random.default_rng(0)
    some, more = names[rng.integers(0, 6, 500)], names[rng.integers(0, 6, 700)]
    X = np.zeros((700, 1))
    from esker.learning_holdout import hold_out

    sides = []
    for labels in (some, more):
        n = len(labels)
        blocks = ArrayBlocks(X[:n], np.zeros(n))
        groups = RowGroups.of(blocks, labels)
        held = hold_out(Block(X[:n], np.zeros(n)), 3, groups.share(3, 0.5), groups)[1]
        sides.append(set(labels[held].tolist()))
        assert not sides[-1] & set(np.delete(labels, held).tolist())
    assert sides[0] == sides[1]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [2, 3, 7])
def test_of_few_groups_one_is_held_out_and_one_is_not(seed, count):
    labels = np.arange(1500) % count
    blocks = ArrayBlocks(np.zeros((1500, 1)), np.zeros(1500))
    groups = RowGroups.of(blocks, labels)
    from esker._native import core

    for wanted in (0.001, 0.1, 0.999):
        held = core.holdout_mask(seed, np.arange(count), groups.share(seed, wanted))
        assert 0 < held.sum() < count


@pytest.mark.parametrize("csr", [False, True])
def test_blocks_take_an_array_or_a_column(csr, tmp_path):
    X, y, subjects = visits(2000)
    X = np.c_[X, subjects]
    X = sparse.csr_array(X) if csr else X
    params = {"random_state": 0, "max_iter": 3, "tol": None}
    by_array = SGDClassifier(**params).fit(X, y, groups=subjects)
    for groups in (subjects, 60, -1):
        model = SGDClassifier(**params).fit(open_blocks(X, target=y), groups=groups)
        if groups is subjects:
            assert model.coef_.tobytes() == by_array.coef_.tobytes()
        assert model.history_[-1]["held_out_error"] > 0
    if csr:
        return
    for i in range(2):  # keys of a second file begin anew
        np.save(tmp_path / f"x{i}.npy", X[i * 1000 : i * 1000 + 1000])
        np.save(tmp_path / f"y{i}.npy", y[i * 1000 : i * 1000 + 1000])
    from esker.blocks.block_file import write_block_file

    for i in range(2):
        part = slice(i * 1000, i * 1000 + 1000)
        write_block_file(ArrayBlocks(X[part], y[part].astype(float)), tmp_path / f"{i}.esk")
    files = open_blocks([tmp_path / "0.esk", tmp_path / "1.esk"])
    groups = RowGroups.of(files, subjects)
    found = [groups(b, np.arange(len(b))) for b in files]
    assert np.array_equal(np.concatenate(found), subjects)


def test_groups_without_effect_are_refused():
    X, y, subjects = visits(2000)
    for model, rows, groups, message in [
        (SGDClassifier(early_stopping=False), 2000, subjects, "no effect with early_stopping=False"),
        (SGDClassifier(), 500, subjects[:500], "no effect with fewer than 1,000 rows"),
        (SGDClassifier(), 2000, subjects[:-1], "one group for each of the 2,000 rows"),
        (SGDRegressor(), 2000, np.zeros(2000), "at least two groups"),
        (SGDRegressor(), 2000, "who", "is no column of"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.fit(X[:rows], y[:rows], groups=groups)


def test_a_checkpoint_with_other_groups_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("esker.learning.CHECKPOINT_EVERY", 0.0)
    X, y, subjects = visits(2000)

    class Killed(Exception):
        pass

    def kill(self, entry):
        if entry["epoch"] == 1:
            raise Killed

    params = {"random_state": 0, "max_iter": 4, "tol": None, "checkpoint": tmp_path / "c"}
    with monkeypatch.context() as patch:
        patch.setattr(SGDClassifier, "_show", kill)
        with pytest.raises(Killed):
            SGDClassifier(verbose=1, **params).fit(X, y, groups=subjects)
    with pytest.raises(ValueError, match="groups was"):
        SGDClassifier(**params).fit(X, y, groups=subjects + 1)
    resumed = SGDClassifier(**params).fit(X, y, groups=subjects)
    params["checkpoint"] = None
    whole = SGDClassifier(**params).fit(X, y, groups=subjects)
    assert resumed.coef_.tobytes() == whole.coef_.tobytes()
    assert [h["held_out_error"] for h in resumed.history_] == [h["held_out_error"] for h in whole.history_]
