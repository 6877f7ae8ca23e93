"""One SGD pass from the block file at 5x Vowpal Wabbit's from its cache of the same rows (1 GB as text)."""

from __future__ import annotations

from benchmarks.bars.text_pass import judge


def run(scale: str) -> bool:
    """As text-pass; both caches are made before the clock starts."""
    return judge("pass/block-file", scale, 5.0)
