"""``python -m kadtwisted.cli.manual DIRECTORY`` writes the manual pages."""

from __future__ import annotations

import sys

from kadtwisted.cli.manual.pages import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
