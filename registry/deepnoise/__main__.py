"""The program `deepnoise`."""

from __future__ import annotations

import sys

from deepnoise.cli import main

if __name__ == "__main__":
    sys.exit(main())
