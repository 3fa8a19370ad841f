"""A loop and the function that replaces it, compared on inputs drawn from an example call.

Source: Karpathy 2019, "generalize a special case".
"""

from __future__ import annotations

from .experiment import Outcome, compare
from .given import Rewrite
from .looking import Look

__all__ = ["Look", "Outcome", "Rewrite", "compare"]
