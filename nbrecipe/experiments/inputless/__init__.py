"""The user's own network trained with its inputs, without them, and with those of other rows."""

from __future__ import annotations
