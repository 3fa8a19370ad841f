"""Functions and classes of torch replaced for the time of a cell, and put back exactly as they were."""

from __future__ import annotations

from typing import Any

ABSENT = object()


class Patches:
    """Attributes replaced on modules and classes; `undo()` puts them back, the last first."""

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, Any, Any]] = []

    def put(self, owner: Any, name: str, value: Any) -> Any:
        """Replace an attribute; returns what was there, own or inherited."""
        own = vars(owner).get(name, ABSENT)
        old = getattr(owner, name)
        setattr(owner, name, value)
        self._replaced.append((owner, name, own, value))
        return old

    def undo(self) -> None:
        """Put everything back; what somebody else has replaced in the meantime stays."""
        while self._replaced:
            owner, name, own, ours = self._replaced.pop()
            if vars(owner).get(name, ABSENT) is not ours:
                continue
            if own is ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, own)
