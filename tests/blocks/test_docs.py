"""The guide and the docstrings say what happens."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import esker.blocks

GUIDE = Path(__file__).parents[2] / "docs" / "blocks.md"


def test_the_guide():
    results = doctest.testfile(str(GUIDE), module_relative=False, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert results.attempted > 8
    assert results.failed == 0


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(esker.blocks.__path__)])
def test_docstrings(name):
    module = importlib.import_module(f"esker.blocks.{name}")
    assert module.__doc__
    assert doctest.testmod(module).failed == 0
