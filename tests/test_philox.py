"""Philox4x32-10 against the known answers published with Random123 (kat_vectors, Salmon et al., SC 2011)."""

from __future__ import annotations

import numpy as np
import pytest

from esker._native import core

KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_known_answers(counter: tuple[int, ...], key: tuple[int, ...], answer: tuple[int, ...]) -> None:
    assert tuple(core.philox(list(counter), list(key))) == answer


def test_held_out_rows_follow_their_keys_in_any_order():
    rng = np.random.default_rng(0)
    keys, order = rng.integers(0, 1 << 50, 3000), rng.permutation(3000)[:2000]
    learned, held = core.hold_out(7, keys, order, 0.3)
    mask = core.holdout_mask(7, keys, 0.3)
    np.testing.assert_array_equal(learned, order[~mask[order]])
    np.testing.assert_array_equal(held, order[mask[order]])
    with pytest.raises(ValueError, match="got row 3000 where 3000 have one"):
        core.hold_out(7, keys, np.array([0, 3000]), 0.3)
