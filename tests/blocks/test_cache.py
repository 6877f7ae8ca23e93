"""`cache=`: written by the first whole walk, read afterwards, never wrong: stale, damaged, full disks, two builders at once."""

import gzip
import os
import shutil
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest

from esker import CacheWarning, open_blocks
from esker.blocks import BlockFile, write_block_file
from esker.folds import Moments
from esker.linear_model import SGDClassifier, SGDRegressor


def svmlight(path, rows=500, seed=0, opener=open):
    rng = np.random.default_rng(seed)
    columns = np.sort(rng.random((rows, 40)).argpartition(5)[:, :5]).tolist()
    values = rng.normal(size=(rows, 5))
    labels = (values.sum(axis=1) > 0).astype(int).tolist()
    lines = [
        f"{y} " + " ".join(f"{c}:{v:.4f}" for c, v in zip(*pairs)) + "\n"
        for y, *pairs in zip(labels, columns, values.tolist())
    ]
    with opener(path, "wt") as file:
        file.writelines(lines)
    return path


def rows_of(blocks):
    """X, y, weights and keys of all rows, as they come."""
    found = list(blocks)
    x = [b.X if isinstance(b.X, np.ndarray) else b.X.toarray() for b in found]
    width = max(a.shape[1] for a in x)
    X = np.concatenate([np.pad(a, ((0, 0), (0, width - a.shape[1]))) for a in x])
    keys = np.concatenate([b.keys for b in found])
    y = None if found[0].y is None else np.concatenate([b.y for b in found])
    return X, y, keys


def same(a, b):
    for one, other in zip(rows_of(a), rows_of(b), strict=True):
        np.testing.assert_array_equal(one, other)


def caches(folder):
    return sorted(p.name for p in folder.iterdir() if p.name.endswith(".esk") or "esker-tmp" in p.name)


WALKS = {
    "iteration": lambda b: list(b),
    "fold": lambda b: b.fold(Moments()),
    "visits": lambda b: list(b.visits(0, seed=1)),
    "visits in sequence": lambda b: list(b.visits(0, seed=1, shuffle=False)),
    "describe": lambda b: b.describe(),
    "take_all": lambda b: b.take_all(),
    "map": lambda b: list(b.map(lambda block: block)),
}


@pytest.mark.parametrize("walk", WALKS)
def test_the_first_whole_walk_writes_and_later_ones_read(tmp_path, walk):
    path = svmlight(tmp_path / "a.svm")
    blocks = open_blocks(path, cache="auto")
    assert blocks.cache is None
    assert not blocks.random_access
    WALKS[walk](blocks)
    assert blocks.cache is not None
    assert blocks.random_access
    assert (blocks.n_rows, blocks.n_columns, blocks.n_targets) == (500, 40, 1)
    [name] = caches(tmp_path)
    assert name.startswith(".a.svm.")
    same(blocks, open_blocks(path))
    later = open_blocks(path, cache="auto")
    assert later.cache is not None
    assert later.n_rows == 500
    same(later, open_blocks(path))


SOURCES = {
    "svmlight": lambda d: svmlight(d / "a.svm"),
    "gzip": lambda d: svmlight(d / "a.svm.gz", opener=gzip.open),
    "several": lambda d: [svmlight(d / f"{i}.svm", 300 + i, seed=i) for i in range(3)],
    "csv": lambda d: csv(d / "a.csv"),
}


def csv(path):
    pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    lines = [f"{a:.3f},{b:.3f},{'yes' if a > b else 'no'}\n" for a, b in rng.normal(size=(400, 2))]
    path.write_text("a,b,label\n" + "".join(lines))
    return path


@pytest.mark.parametrize("kind", SOURCES)
def test_what_is_read_is_what_the_source_gives(tmp_path, kind):
    source = SOURCES[kind](tmp_path)
    options = {"target": "label"} if kind == "csv" else {}
    plain = open_blocks(source, **options)
    blocks = open_blocks(source, cache="auto", **options)
    same(blocks, plain)
    assert blocks.cache is not None
    same(blocks, plain)
    again = open_blocks(source, cache="auto", **options)
    assert again.cache is not None
    same(again, plain)
    counts = np.bincount(rows_of(plain)[2] >> 40)
    assert [p.rows for p in again.parts] == counts.tolist()
    assert again.feature_names == plain.feature_names
    part, rows = again.parts[-1], again.parts[-1].rows
    np.testing.assert_array_equal(again.read_rows(part, 0, rows).keys, (part.index << 40) + np.arange(rows))


def test_iterables_keep_theirs_as_long_as_they_live(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    X = np.random.default_rng(0).normal(size=(1000, 3))
    walks = []

    def batches():
        walks.append(1)
        return ((X[i : i + 100], X[i : i + 100, 0]) for i in range(0, 1000, 100))

    blocks = open_blocks(batches, cache="auto")
    same(blocks, open_blocks(X, target=X[:, 0]))
    n = len(walks)
    same(blocks, open_blocks(X, target=X[:, 0]))
    assert len(walks) == n
    assert len(caches(tmp_path)) == 1
    del blocks
    assert caches(tmp_path) == []


def test_a_changed_source_makes_the_cache_stale(tmp_path):
    path = svmlight(tmp_path / "a.svm")
    list(open_blocks(path, cache="auto"))
    svmlight(path, 600, seed=1)
    with pytest.warns(CacheWarning, match=r"stale: .*a.svm has changed"):
        blocks = open_blocks(path, cache="auto")
    same(blocks, open_blocks(path))
    assert blocks.cache is not None
    assert open_blocks(path, cache="auto").n_rows == 600
    assert len(caches(tmp_path)) == 1


def test_a_source_that_changes_while_it_is_open_is_an_error(tmp_path):
    path = svmlight(tmp_path / "a.svm")
    blocks = open_blocks(path, cache="auto")
    list(blocks)
    svmlight(path, 600, seed=1)
    with pytest.raises(ValueError, match="changed after it was opened"):
        list(blocks)


def test_options_have_a_file_each_and_a_named_one_becomes_stale(tmp_path):
    path = svmlight(tmp_path / "a.svm")
    for options in ({}, {"dtype": "float32"}, {"n_features": 50}):
        list(open_blocks(path, cache="auto", **options))
    assert len(caches(tmp_path)) == 3
    assert open_blocks(path, cache="auto", n_features=50).n_columns == 50
    named = tmp_path / "named.esk"
    list(open_blocks(path, cache=named))
    assert open_blocks(path, cache=named).cache is not None
    with pytest.warns(CacheWarning, match="stale: it was made with other options"):
        blocks = open_blocks(path, cache=named, dtype="float32")
    list(blocks)
    assert open_blocks(path, cache=named, dtype="float32").dtype == np.float32


def test_memory_options_share_a_cache(tmp_path):
    path = svmlight(tmp_path / "a.svm", 5000)
    list(open_blocks(path, cache="auto", max_memory="20MB"))
    again = open_blocks(path, cache="auto", max_memory="4MB", block_size="100kB")
    assert again.cache is not None
    same(again, open_blocks(path))


def test_damage_is_said_and_mended(tmp_path):
    path = svmlight(tmp_path / "a.svm", 9000)
    list(open_blocks(path, cache="auto"))
    cache = tmp_path / caches(tmp_path)[0]
    raw = bytearray(cache.read_bytes())
    cache.write_bytes(raw[:-10])
    with pytest.warns(CacheWarning, match="damaged"):
        blocks = open_blocks(path, cache="auto")
    same(blocks, open_blocks(path))
    raw = bytearray(cache.read_bytes())
    raw[len(raw) // 3] ^= 1
    cache.write_bytes(raw)
    for epoch in (0, 1):
        blocks = open_blocks(path, cache="auto")
        assert blocks.cache is not None
        with pytest.warns(CacheWarning, match="damaged"):
            keys = np.concatenate([b.keys for b in blocks.visits(epoch, seed=0)])
        assert sorted(keys.tolist()) == list(range(9000))
        list(blocks)
        assert blocks.cache is not None
        same(blocks, open_blocks(path))
        raw = bytearray(cache.read_bytes())
        raw[len(raw) // 3] ^= 1
        cache.write_bytes(raw)


def test_a_cache_that_is_removed_is_built_anew(tmp_path):
    path = svmlight(tmp_path / "a.svm")
    blocks = open_blocks(path, cache="auto")
    list(blocks)
    os.unlink(tmp_path / caches(tmp_path)[0])
    with pytest.warns(CacheWarning, match="removed or replaced"):
        same(blocks, open_blocks(path))
    assert len(caches(tmp_path)) == 1


def test_another_process_replaces_the_file_just_as_it_is_opened(tmp_path, monkeypatch):
    path = svmlight(tmp_path / "a.svm")
    same(open_blocks(path, cache="auto"), open_blocks(path))

    class Replaced(BlockFile):
        def __init__(self, place, **memory):
            super().__init__(place, **memory)
            shutil.copy(place, tmp_path / "another")
            os.replace(tmp_path / "another", place)

    with monkeypatch.context() as patch:
        patch.setattr("esker.blocks.cache.BlockFile", Replaced)
        blocks = open_blocks(path, cache="auto")
    assert blocks.cache is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(blocks, open_blocks(path))


def test_an_early_end_leaves_nothing(tmp_path):
    paths = [svmlight(tmp_path / f"{i}.svm", 9000, seed=i) for i in range(2)]
    blocks = open_blocks(paths, cache="auto", block_size="50kB")
    walk = iter(blocks)
    for _ in range(3):
        next(walk)
    walk.close()
    assert caches(tmp_path) == []

    class Broken(Moments):
        def update(self, block):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        blocks.fold(Broken())
    assert caches(tmp_path) == []
    list(blocks.read(blocks.parts[0]))  # the first file alone
    del walk
    list(blocks)
    assert len(caches(tmp_path)) == 1
    assert blocks.n_rows == 18_000


def test_where_auto_keeps_it(tmp_path, monkeypatch):
    path = svmlight(tmp_path / "a.svm")
    monkeypatch.setenv("ESKER_CACHE", str(tmp_path / "mine" / "deep"))
    list(open_blocks(path, cache="auto"))
    assert len(caches(tmp_path / "mine" / "deep")) == 1
    monkeypatch.delenv("ESKER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(os, "access", lambda *_: False)  # a folder that may not be written
    list(open_blocks(path, cache="auto"))
    assert len(caches(tmp_path / "xdg" / "esker")) == 1
    assert caches(tmp_path) == []


def test_no_effect_is_refused(tmp_path):
    X = np.eye(4)
    np.save(tmp_path / "a.npy", X)
    write_block_file(open_blocks(X), tmp_path / "a.esk")
    for source in (X, tmp_path / "a.npy", tmp_path / "a.esk"):
        with pytest.raises(ValueError, match=r"cache= has no effect on .* any rows"):
            open_blocks(source, cache="auto")
    with pytest.raises(ValueError, match=r"cache= has no effect on .* once only"):
        open_blocks(((X, None) for _ in range(2)), cache="auto")
    path = svmlight(tmp_path / "a.svm")
    for odd in (True, 3, ""):
        with pytest.raises(ValueError, match="cache must be None"):
            open_blocks(path, cache=odd)
    before = path.read_bytes()
    for stranger in (path, tmp_path / "a.esk"):
        with pytest.raises(ValueError, match="is there and is no cache"):
            open_blocks(path, cache=stranger)
    assert path.read_bytes() == before


class Doubled:
    """A feature step."""

    def __init__(self, factor=2.0):
        self.factor = factor

    def transform(self, blocks):
        return blocks.map(lambda b: _replace(b, b.X * self.factor))


class Known(Doubled):
    def get_params(self, deep=True):
        return {"factor": self.factor}


def _replace(block, X):
    from dataclasses import replace

    return replace(block, X=X)


def test_features_are_kept_after_the_steps_by_their_parameters(tmp_path):
    path = svmlight(tmp_path / "a.svm")
    with pytest.raises(ValueError, match="no get_params"):
        open_blocks(path, features=Doubled(), cache="auto")
    with pytest.raises(ValueError, match="cannot tell whether"):
        open_blocks(path, features=Known(len), cache="auto")
    for factor in (2.0, 3.0):
        blocks = open_blocks(path, features=Known(factor), cache="auto")
        list(blocks)
        same(blocks, open_blocks(path, features=Known(factor)))
    assert len(caches(tmp_path)) == 2
    fitted = Known(2.0)
    fitted.mean_ = np.arange(3.0)
    list(open_blocks(path, features=[fitted], cache="auto"))
    assert len(caches(tmp_path)) == 3
    assert open_blocks(path, features=Known(3.0), cache="auto").cache is not None


# --- fits ---


def test_fits_agree_to_the_bit(tmp_path):
    path = svmlight(tmp_path / "a.svm", 20_000)
    options = {"random_state": 3, "shuffle_rows": 5000, "tol": None}

    def fit(blocks, epochs):
        model = SGDClassifier(max_iter=epochs, **options).fit(blocks)
        return model.coef_

    first = fit(open_blocks(path, cache="auto"), 3)
    np.testing.assert_array_equal(fit(open_blocks(path, cache="auto"), 3), first)
    write_block_file(open_blocks(path), tmp_path / "b.esk")
    np.testing.assert_array_equal(fit(open_blocks(tmp_path / "b.esk"), 3), first)
    plain = fit(open_blocks(path), 1)
    np.testing.assert_array_equal(fit(open_blocks(path, cache="auto"), 1), plain)
    np.testing.assert_array_equal(fit(open_blocks(path, cache=tmp_path / "new.esk"), 1), plain)


def test_a_fit_that_goes_on_from_a_checkpoint_is_the_same_fit(tmp_path):
    path = svmlight(tmp_path / "a.svm", 20_000)
    options = {"random_state": 3, "shuffle_rows": 5000, "tol": None, "max_iter": 3}
    whole = SGDRegressor(**options).fit(open_blocks(path, cache="auto"))
    for name in caches(tmp_path):
        os.unlink(tmp_path / name)
    code = f"""
    import signal, os
    import esker.learning as learning
    from esker import open_blocks
    from esker.linear_model import SGDRegressor
    learning.CHECKPOINT_EVERY = 0.0
    calls = []
    save = learning._Walk._save
    def counted(self):
        save(self)
        calls.append(1)
        if self.epoch == EPOCH and self.chunk >= 2:
            os.kill(os.getpid(), signal.SIGKILL)
    learning._Walk._save = counted
    SGDRegressor(**{options!r}, checkpoint={str(tmp_path / "c")!r}).fit(open_blocks({str(path)!r}, cache="auto"))
    """
    for epoch in (0, 1):
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(code).replace("EPOCH", str(epoch))])
        assert done.returncode == -9
        for name in caches(tmp_path) if epoch == 0 else ():  # as if it had not come to the end
            os.unlink(tmp_path / name)
        model = SGDRegressor(**options, checkpoint=tmp_path / "c").fit(open_blocks(path, cache="auto"))
        np.testing.assert_array_equal(model.coef_, whole.coef_)
        for name in caches(tmp_path):
            os.unlink(tmp_path / name)


def test_a_full_disk_ends_the_writing_and_not_the_fit(tmp_path):
    path = svmlight(tmp_path / "a.svm", 20_000)
    expected = SGDClassifier(max_iter=1, random_state=0, tol=None).fit(open_blocks(path)).coef_
    code = f"""
    import resource, warnings, numpy as np
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    from esker import open_blocks, CacheWarning
    from esker.linear_model import SGDClassifier
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = SGDClassifier(max_iter=1, random_state=0, tol=None).fit(open_blocks({str(path)!r}, cache="auto"))
    [w] = said
    assert w.category is CacheWarning and "no cache is written" in str(w.message), w
    import sys
    sys.stdout.buffer.write(model.coef_.tobytes())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, check=True)
    np.testing.assert_array_equal(np.frombuffer(done.stdout).reshape(expected.shape), expected)
    assert caches(tmp_path) == []


def test_two_processes_that_build_it_at_once(tmp_path):
    path = svmlight(tmp_path / "a.svm", 20_000)
    code = f"""
    import sys, time, warnings
    warnings.simplefilter("error")
    import numpy as np
    from esker import open_blocks
    from esker.linear_model import SGDClassifier
    blocks = open_blocks({str(path)!r}, cache="auto", block_size="100kB")
    print("ready", flush=True)
    sys.stdin.readline()
    model = SGDClassifier(max_iter=4, random_state=0, tol=None, shuffle_rows=4000).fit(blocks)
    print(model.coef_.tobytes().hex())
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    crew = [subprocess.Popen(command, stdin=-1, stdout=-1, text=True) for _ in range(2)]
    for process in crew:
        assert process.stdout.readline() == "ready\n"
    for process in crew:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate()[0] for process in crew]
    assert [process.returncode for process in crew] == [0, 0]
    assert len(set(answers)) == 1
    assert len(caches(tmp_path)) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(open_blocks(path, cache="auto"), open_blocks(path))
