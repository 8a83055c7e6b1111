"""Run the measurements: `python -m benchmarks [NAME ...]`.

The rule here: a ratio against a floor of the same run is what may be compared between machines and days.
"""

import importlib
import sys

NAMES = ("addresses", "look_up", "screening", "bulk_import", "submissions", "federation", "taxii")


def main() -> None:
    wanted = sys.argv[1:] or list(NAMES)
    unknown = sorted(set(wanted) - set(NAMES))
    if unknown:
        sys.exit(f"no measurement {', '.join(unknown)}; there are: {', '.join(NAMES)}")
    for name in wanted:
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
