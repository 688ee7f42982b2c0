"""``promreview``, and ``python -m analysis``."""

import os
import sys


def main() -> None:
    """Run the command line; Ctrl-C leaves no traceback, even while it is being imported."""
    try:
        from analysis.cli import INTERRUPTED
        from analysis.cli import main as run
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        os._exit(130)
    try:
        run()
    except KeyboardInterrupt:  # outside of every command
        print("interrupted", file=sys.stderr)
        os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
