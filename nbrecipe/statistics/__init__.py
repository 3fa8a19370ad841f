"""What a number is worth: intervals, paired comparisons, several at once, and the digits that it deserves."""

from __future__ import annotations
