"""Arrays that claim to be an Sgd state and are not: one ValueError, never memory that is not there."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

from esker.blocks import Block
from esker.folds import Sgd


def arrays(rows=True):
    state = Sgd("squared_error", lane_target=[0, 0], lane_rate=[0.5, 1.0])
    if rows:
        state.update(Block(np.random.default_rng(0).standard_normal((30, 3)), np.arange(30.0)))
    return state.to_arrays()


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("cols", [-1, 2**46, 2**60, 2**61, 2**62, 2**63 - 1])
def test_counts_beyond_memory(rows, cols):
    a = arrays(rows)
    a["counts"] = np.array([cols, *a["counts"][1:]])
    with pytest.raises(ValueError, match="columns"):
        Sgd.from_arrays(a)


@pytest.mark.parametrize("column", [2**46, 2**60, 2**61, 2**62, 2**63 - 2])
def test_a_column_number_beyond_memory(column):
    x = sparse.csr_array((np.ones(2), np.array([0, column]), np.array([0, 1, 2])), shape=(2, column + 1))
    state = Sgd("squared_error", lane_target=[0, 0, 0, 0], lane_rate=[0.5, 1.0, 2.0, 4.0])
    with pytest.raises(ValueError, match="hash the columns to fewer"):
        state.update(Block(x, np.arange(2.0)))


@pytest.mark.parametrize("name", sorted(arrays()))
def test_an_array_that_is_missing(name):
    a = arrays()
    del a[name]
    with pytest.raises(ValueError, match=name):
        Sgd.from_arrays(a)


@pytest.mark.parametrize("loss", ["softmax", "log_loss"])
def test_no_lanes(loss):
    with pytest.raises(ValueError, match=r"lanes must number 1 to 2\^20, got 0"):
        Sgd(loss, [], [], classes=True)
    a = Sgd(loss, [0, 1], [0.5, 0.5], classes=True).to_arrays()
    a |= {name: a[name][:0] for name in ("lane_target", "lane_rate", "lane_l1", "lane_l2")}
    with pytest.raises(ValueError, match=r"lanes must number 1 to 2\^20, got 0"):
        Sgd.from_arrays(a)


def test_a_copy_that_memory_has_no_room_for_leaves_a_new_state():
    code = """
import resource
import numpy as np
from scipy import sparse
from esker.blocks import Block
from esker.folds import Sgd

def state(cols):
    s = Sgd("hinge", [0], [0.5], classes=True, step="plain", penalty_scale="raw")
    s.update(Block(sparse.csr_array((np.ones(2), [0, cols - 1], [0, 1, 2]), shape=(2, cols)), np.array([1.0, 0.0])))
    return s

one, other = state(1000), state(200_000_000)
with open("/proc/self/statm") as f:
    size = int(f.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (100 << 20),) * 2)
try:
    one.assign(other)
except MemoryError:
    print(one.cols, one.rows, one.finish()[0].shape)
    one.update(Block(np.eye(2, 3), np.array([1.0, 0.0])))
    print(one.cols, one.rows, other.cols)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["0 0 (1, 0)", "3 2 200000000"]
