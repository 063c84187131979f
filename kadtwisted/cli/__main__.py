"""``python -m kadtwisted.cli`` is ``kad``."""

from __future__ import annotations

import sys

from kadtwisted.cli.main import main

sys.exit(main())
