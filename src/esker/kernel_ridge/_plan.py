"""How to solve: walks over the rows that never store K_nm, or one walk that sums K_nm'K_nm; by a model of cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esker.blocks.memory import physical_memory, show_size

if TYPE_CHECKING:
    from esker.blocks import Blocks

__all__ = ["Task", "choose_solver", "needed"]

#: Walks that conjugate gradients are reckoned to take.
ITERATIONS = 20
#: Operations a second of kernel tiles and of a Gram, by bytes of a number; and bytes a second of a file.
TILES, GRAM, FILE = {4: 1.3e11, 8: 5e10}, {4: 1.5e11, 8: 7e10}, 1e9
#: Rows whose kernel values are folded into a Gram at once.
PIECE_ROWS = 4096


@dataclass(frozen=True)
class Task:
    """Rows, columns, landmarks, targets, bytes of a number that is computed with; of a file, whether rows are read at each walk."""

    rows: int
    columns: int
    landmarks: int
    targets: int
    itemsize: int
    read_again: bool = False


def needed(task: Task, solver: str) -> int:
    """Bytes of a solver beside the rows."""
    m, d, lanes = task.landmarks, task.columns, task.targets + 1
    held = 2 * 8 * m * m  # the factors
    held += m * d * (2 * task.itemsize + 8)  # landmarks, packed as well, and as they are drawn
    held += 8 * m * lanes * (16 + 12) + 4 * (1 << 20)  # shards' sums and vectors; panels
    if solver == "normal":
        held += 2 * 8 * m * (m + 1) + min(task.rows, PIECE_ROWS) * m * task.itemsize + (8 << 20)
    return held


def seconds(task: Task) -> dict[str, float]:
    """Predicted seconds of each solver."""
    n, d, m = task.rows, task.columns, task.landmarks
    walk = n * m * (2.0 * d + 20 + 4 * task.targets) / TILES[task.itemsize]
    read = n * d * task.itemsize / FILE if task.read_again else 0.0
    factors = m**3 / 6e10
    return {
        "falkon": (ITERATIONS + 1) * (walk + read) + factors,
        "normal": walk + read + n * m * float(m) / GRAM[task.itemsize] + factors,
    }


def choose_solver(task: Task, blocks: Blocks, wanted: str) -> dict[str, Any]:
    """The solver to take, why, and what each would cost: the first entries of ``plan_``."""
    cost = seconds(task)
    need = {name: needed(task, name) for name in cost}
    room = 0.6 * physical_memory() if blocks.max_memory is None else blocks.max_memory - _reading(blocks)
    if wanted != "auto":
        solver, why = wanted, f"solver={wanted!r}"
    elif need["normal"] > room:
        solver, why = "falkon", f"K'K takes {show_size(need['normal'])} of {show_size(max(room, 0))}"
    else:
        solver = min(cost, key=cost.__getitem__)
        why = f"about {cost[solver]:.2g} s, where {max(cost, key=cost.__getitem__)} takes {max(cost.values()):.2g} s"
    return {"solver": solver, "why": why, "seconds": cost, "bytes": need}


def _reading(blocks: Blocks) -> int:
    if blocks.whole() is not None:
        return 0
    return int(blocks.reading_bytes + blocks.block_bytes * (blocks.budget.depth + 1))
