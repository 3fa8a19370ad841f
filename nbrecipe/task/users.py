"""Which code is the user's own: cells, and modules beside the notebook; not what is installed."""

from __future__ import annotations

import functools
import os
import sysconfig
from pathlib import Path

import torch

#: where our own code lies
PACKAGE = Path(__file__).parent.parent
#: where code lies that is not the user's
LIBRARIES = tuple(
    {os.path.realpath(path) + os.sep for path in sysconfig.get_paths().values() if path}
    | {f"{Path(torch.__file__).parent}{os.sep}", f"{PACKAGE}{os.sep}"}
)
#: examples of checks stand in our own package, and are user code all the same
EXAMPLES = f"{PACKAGE / 'checks'}{os.sep}"


@functools.lru_cache(4096)
def is_users(filename: str) -> bool:
    """Whether a file is the user's own."""
    if filename.startswith(("<ipython-input", EXAMPLES)):
        return True
    return not filename.startswith(("<", *LIBRARIES)) and f"{os.sep}site-packages{os.sep}" not in filename
