"""The program: `watchfire`, or `python -m app`.

The rule here: nothing but the way in; what a command needs is imported by the command.
"""

import gc
import sys

from app.cli import run

COLLECT_EVERY = 20_000  # new objects between rounds of the garbage collector: a batch of rows makes that many at once


def main() -> None:
    """Run the command line and end the process with its exit code."""
    gc.set_threshold(COLLECT_EVERY, 20, 20)  # by default a tenth of a program's start are rounds that find nothing
    sys.exit(run())


if __name__ == "__main__":
    main()
