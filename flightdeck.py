"""The roof: the command line of Flightdeck."""

import sys


def main() -> int:
    """Run one command and return its exit code."""
    return 0


if __name__ == "__main__":
    sys.exit(main())
