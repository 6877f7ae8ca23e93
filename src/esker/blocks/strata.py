"""The order of an epoch's units: every stretch of it covers the source evenly, whatever the source is sorted by.

The units are cut to as many strata of neighbours as a buffer has units, and every stratum gives its units, at random, at even
times, each at its own phase. Phases are such that neighbours in time lie far apart, and that the 16 runs from which the rows of
a buffer are dealt (`order._mixed`) are in 16 different 16ths of the source at any time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from esker._native import core

__all__ = ["HANDS", "unit_order"]

#: From how many runs of neighbours the rows of a buffer are dealt.
HANDS = 16
#: 0..15 with their four bits reversed: any first few are spread evenly.
_SPREAD = np.array([int(f"{h:04b}"[::-1], 2) for h in range(HANDS)])


def unit_order(seed: int, epoch: int, units: int, strata: int) -> NDArray[np.int64]:
    """A permutation of 0..units-1, a pure function of the arguments.

    Parameters
    ----------
    strata : int
        About the units of a buffer.

    >>> rounds = unit_order(1, 0, 12, 4).reshape(3, 4)
    >>> bool((np.sort(rounds // 3) == [0, 1, 2, 3]).all())
    True
    """
    walk: NDArray[np.int64] = core.permutation(seed, epoch, core.STREAMS["unit_order"], units)
    strata = min(strata, units)
    if strata < 2:
        return walk
    place = np.empty(units, np.int64)
    place[walk] = np.arange(units)
    stratum = np.arange(units) * strata // units
    by_stratum = np.lexsort((place, stratum))
    first = np.searchsorted(stratum, np.arange(strata + 1))
    turn = np.empty(units, np.int64)
    turn[by_stratum] = np.arange(units) - first[stratum[by_stratum]]
    time = (turn + _phases(strata, int(walk[0]))[stratum]) / np.diff(first)[stratum]
    return np.lexsort((place, time))


def _phases(strata: int, shift: int) -> NDArray[np.float64]:
    """When in each turn a stratum gives its unit, from 0 to 1."""
    at = np.arange(strata)
    hand = at * HANDS // strata
    begin = -(-hand * strata // HANDS)
    in_hand = at - begin
    size = -(-(hand + 1) * strata // HANDS) - begin
    sixteenth = (_SPREAD[hand] + 7 * in_hand + shift) % HANDS
    phases = np.empty(strata)
    phases[np.argsort(np.argsort(sixteenth + (in_hand + 0.5) / size))] = (at + 0.5) / strata
    return phases
