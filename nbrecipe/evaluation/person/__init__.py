"""A person answers some rows of a data set: which are asked, what was answered, and what that is worth."""

from __future__ import annotations
