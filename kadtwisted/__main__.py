"""``python -m kadtwisted`` is ``kad``."""

from __future__ import annotations

import sys

from kadtwisted.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
