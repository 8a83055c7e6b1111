"""The program: `watchfire`, or `python -m app`.

The rule here: nothing but the way in; what a command needs is imported by the command.
"""

import sys

from app.cli import run


def main() -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(run())


if __name__ == "__main__":
    main()
