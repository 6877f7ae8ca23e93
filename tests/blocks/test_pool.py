"""Memory used again: only when its last view is gone, never beyond what may lie idle, from any thread."""

from __future__ import annotations

import threading

import numpy as np

from esker.blocks.pool import Pool

N = 1 << 20


def test_memory_in_use_is_never_handed_out_again():
    pool = Pool(100 * N)
    kept = [pool.empty(N, np.uint8) for _ in range(5)]
    for i, array in enumerate(kept):
        array[:] = i
    views = [array[N // 2 :].view(np.int32) for array in kept]
    del kept, array
    assert pool.idle == 0
    more = [pool.empty(N, np.uint8) for _ in range(5)]
    for array in more:
        array[:] = 99
    assert [int(v.view(np.uint8).min()) for v in views] == [int(v.view(np.uint8).max()) for v in views]
    assert [int(v.view(np.uint8)[0]) for v in views] == [0, 1, 2, 3, 4]


def test_what_came_back_is_used_again():
    pool = Pool(100 * N)
    places = set()
    for _ in range(10):
        array = pool.empty((N // 8,), np.float64)
        assert array.ctypes.data % 64 == 0
        array[:] = 1
        places.add(array.ctypes.data)
        del array
    assert len(places) == 1


def test_nearly_equal_sizes_share_and_others_do_not_pile_up():
    pool = Pool(100 * N)
    first = pool.empty(N, np.uint8)
    place = first.ctypes.data
    del first
    assert pool.empty(N + N // 32, np.uint8).ctypes.data == place
    held = pool.idle
    del_me = pool.empty(8 * N, np.uint8)  # does not fit: the idle megabyte goes
    assert pool.idle < held
    del del_me
    assert 8 * N <= pool.idle < 10 * N


def test_idle_memory_is_bounded_and_closing_frees_it():
    with Pool(3 * N) as pool:
        arrays = [pool.empty(N, np.uint8) for _ in range(6)]
        last = arrays[-1]
        arrays.clear()
        assert 0 < pool.idle <= 3 * N
        last[:] = 7
    assert pool.idle == 0
    assert last.sum() == 7 * N  # in use: still there
    del last
    assert pool.idle == 0


def test_arrays_outlive_their_pool():
    array = Pool(N).empty(N, np.uint8)
    array[:] = 3
    assert array.sum() == 3 * N


def test_many_threads():
    pool, wrong = Pool(20 * N), []

    def work(me):
        for i in range(200):
            array = pool.empty(N // 4 + 1000 * (i % 7), np.uint8)
            array[:] = me
            if array.min() != me or array.max() != me:
                wrong.append(me)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert pool.idle <= 20 * N


def test_empty_arrays():
    pool = Pool(N)
    assert pool.empty((0, 5), np.float32).shape == (0, 5)
    assert pool.empty(3, np.int64).shape == (3,)
