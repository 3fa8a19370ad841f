"""`python -m nbrecipe.catalogue`."""

import sys

from . import main

sys.exit(main())
