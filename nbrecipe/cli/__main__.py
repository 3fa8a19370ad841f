"""`python -m nbrecipe.cli`, where the script `nbrecipe` is not on the path."""

from __future__ import annotations

import sys

from . import main

sys.exit(main())
