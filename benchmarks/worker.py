"""The child process of a contest: `python -m benchmarks.worker CELL CONTENDER SCALE`, then one run for each line read."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import warnings


def main() -> None:
    # What libraries print on standard output goes to standard error; ours alone goes to the pipe.
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(**facts: object) -> None:
        print(json.dumps(facts), file=pipe, flush=True)

    if sys.argv[1] == "--machine":
        from benchmarks.machine import measure

        say(**measure())
        return
    name, who, scale = sys.argv[1:]
    if who.endswith("sklearnex"):
        from sklearnex import patch_sklearn

        patch_sklearn(verbose=False)
    from benchmarks.cells import find

    warnings.simplefilter("ignore")
    cell = find(name)
    contender = cell.contender(who)
    data = cell.load(scale)
    mine = contender.prepare(data) if contender.prepare else data
    say(data=repr(data), work=dict(cell.work(data)))
    judged = False
    for _ in sys.stdin:
        gc.collect()
        gc.disable()
        began = time.perf_counter()
        result = contender.run(mine)
        seconds = time.perf_counter() - began
        gc.enable()
        quality = {} if judged else {k: float(v) for k, v in cell.quality(data, result).items()}
        judged = True
        say(seconds=seconds, quality=quality)
        del result


if __name__ == "__main__":
    main()
