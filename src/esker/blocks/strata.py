"""The order of an epoch's units: every buffer gets units from all over the source, in any of which rows may be alike.

The units are cut to as many strata of neighbours as a buffer has units; a round takes one unit of each stratum, at random. So
each stretch of a buffer's length covers the source evenly, whatever the source is sorted by. Within a round units come by
16ths of the source, because rows are dealt from 16 runs of a buffer (`order._mixed`): at any time each run is in another 16th.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from esker._native import core

__all__ = ["HANDS", "unit_order"]

#: From how many runs of neighbours the rows of a buffer are dealt.
HANDS = 16


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
    first = np.searchsorted(stratum, np.arange(strata))
    turn = np.empty(units, np.int64)
    turn[by_stratum] = np.arange(units) - first[stratum[by_stratum]]
    hands = min(HANDS, strata)
    return np.lexsort((place, stratum * hands // strata, turn))
