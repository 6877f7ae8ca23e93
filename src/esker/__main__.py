"""``python -m esker``: the command ``esker``, where no folder of scripts is on the path."""

import sys

from esker.cli import main

sys.exit(main())
