"""Gradients that outlive their step, and gradients that are gone before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .optimizers import Known


class Grip:
    """Follows the gradients of a few parameters of an optimizer at every step, by their storage and version."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._held: list[Any] = []
        self._marks: list[tuple[int, int] | None] = []
        #: gradients of an earlier step are still there; a backward has made some since the last step
        self.stale = False
        self.made = False

    def _read(self) -> list[tuple[int, int] | None]:
        grads = (parameter.grad for parameter in self._held)
        return [None if grad is None or grad.is_sparse else (grad.data_ptr(), grad._version) for grad in grads]

    def enter(self) -> None:
        """A backward begins: gradients that were cleared or changed since are of no earlier step."""
        if self.stale and self._read() != self._marks:
            self.stale = False

    def leave(self) -> None:
        """A backward has ended."""
        if not self._held:
            self._hold()
        now = self._read()
        if now != self._marks and any(mark is not None for mark in now):
            self.made = True
        self._marks = now

    def before_step(self) -> tuple[bool, bool]:
        """Whether gradients of an earlier step are in these, and whether some were made and are gone."""
        now = self._read()
        gone = self.made and bool(now) and all(mark is None for mark in now)
        if self.made and not gone and now != self._marks and self._known.watcher.due:
            gone = not self.alive()
        return self.stale and self.made and not gone, gone

    def after_step(self) -> None:
        """The step is over: what is there now belongs to it."""
        if not self._held:
            self._hold()
        self._marks = self._read()
        self.stale = any(mark is not None for mark in self._marks)
        self.made = False

    def alive(self) -> bool:
        """Whether some gradient of the optimizer is not zero."""
        grads = [parameter.grad for parameter in self._known.parameters() if parameter.grad is not None]
        return any(bool(grad.detach().any()) for grad in grads if not grad.is_sparse) or any(g.is_sparse for g in grads)

    def _hold(self) -> None:
        """The first and the last parameter that have a gradient."""
        graded = [parameter for parameter in self._known.parameters() if parameter.grad is not None]
        self._held = [graded[0], graded[-1]] if len(graded) > 1 else graded
