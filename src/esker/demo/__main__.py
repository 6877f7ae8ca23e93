"""``python -m esker.demo``: the demo without the ``esker`` command."""

import argparse
import sys

from esker.demo import run


def main() -> int:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(
        prog="python -m esker.demo", description="learn from files larger than the memory"
    )
    parser.add_argument("-o", "--out", metavar="FOLDER", help="where the picture and its figures go")
    parser.add_argument("--only", choices=("words", "flights"), help="one data set instead of both")
    parser.add_argument("--delete-data", action="store_true", help="remove the cached files and end")
    options = parser.parse_args()
    try:
        return run(options.out, only=options.only, delete_data=options.delete_data)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        print(f"esker demo: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
