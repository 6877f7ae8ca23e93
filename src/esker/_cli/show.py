"""What ``esker info`` prints: facts a line each, files and columns in lines of their own."""

from __future__ import annotations

from typing import Any

__all__ = ["plain", "print_facts"]

#: Facts that only a program needs; ``--json`` has them.
UNSAID = ("files", "parts", "records", "index_dtype", "random_access", "rereadable", "targets")


def plain(value: Any) -> Any:
    """NumPy's numbers and arrays, and dates, for JSON."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def print_facts(facts: dict[str, Any]) -> None:
    """Print a description; see `Blocks.describe`."""
    from esker.blocks.memory import show_size

    rows: list[tuple[str, str]] = []
    for name, value in facts.items():
        if name in UNSAID or value is None or value == []:
            continue
        shown = show_size(value) if name.endswith("bytes") or name.startswith("bytes") else _shown(value)
        rows.append((name.replace("_", " "), shown))
    for file in facts["files"]:
        packed = f", {file['compression']}" if file["compression"] else ""
        rows.append(("file", f"{file['path']} ({show_size(file['bytes'])}{packed}, {file['fingerprint']})"))
    for j, target in enumerate(facts["targets"]):
        rows.append((f"target {j}" if len(facts["targets"]) > 1 else "target", _shown(target)))
    for name, column in (facts["records"] or {}).items():
        rows.append((f"column {name}", _column(column)))
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        print(f"{name:{width}}  {text}")


def _column(column: dict[str, Any]) -> str:
    distinct = "many" if column["distinct"] is None else f"{column['distinct']:,}"
    missing = f", {column['missing']:,} missing" if column["missing"] else ""
    examples = ", ".join(str(example) for example in column["examples"])
    return f"{column['kind']}, {distinct} different{missing}: {examples}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(item)}" for name, item in value.items() if item is not None)
    if isinstance(value, list | tuple) or hasattr(value, "tolist"):
        items = value.tolist() if hasattr(value, "tolist") else list(value)
        if not isinstance(items, list):
            return _shown(items)
        more = f", ... ({len(items):,} in all)" if len(items) > 8 else ""
        return ", ".join(map(_shown, items[:8])) + more
    return str(value)
