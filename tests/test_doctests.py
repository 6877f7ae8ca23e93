"""The examples in docstrings, as the installed package has them."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module

import pytest

import esker

MODULES = [
    m.name
    for m in pkgutil.walk_packages(esker.__path__, "esker.")
    if not m.name.endswith(("__main__", "._core", "._blas"))
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert sum(len(t.examples) for name in MODULES for t in finder.find(import_module(name))) > 20
