"""Overfit one batch: a few examples must be learned by heart, to the lowest loss that their labels allow.

Sources: Karpathy 2019, "overfit one batch"; Sanh 2021, "overfit a small batch".
"""

from __future__ import annotations

from .experiment import overfit
from .outcome import Attempt, Cause, Frame, Overfit

__all__ = ["Attempt", "Cause", "Frame", "Overfit", "overfit"]
