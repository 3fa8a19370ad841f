"""The user's own loop, watched: what is called is seen on its way and kept as plain data; nothing of it changes."""

from __future__ import annotations

from .record.data import Trace
from .watcher import Watcher

__all__ = ["Trace", "Watcher", "watch"]

watch = Watcher
