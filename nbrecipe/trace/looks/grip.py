"""Gradients that outlive their step, and gradients that are gone before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..hooks.optimizers import Known


Mark = tuple[int, int]


class Grip:
    """Follows the gradient of one parameter of an optimizer at every step, by its storage and version."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._held: Any = None
        self._mark: Mark | None = None
        #: gradients of an earlier step are still there; a backward has made some since the last step
        self.stale = False
        self.made = False
        #: whether the step before was followed too
        self.sure = False

    def _read(self) -> Mark | None:
        if self._held is None:
            self._hold()
        grad = self._held.grad if self._held is not None else None
        return None if grad is None or grad.is_sparse else (grad.data_ptr(), grad._version)

    def begin(self) -> None:
        """Following begins anew: nothing is known of the steps before."""
        self.after_step()
        self.stale = self.sure = False

    def enter(self) -> None:
        """A backward begins: gradients that were cleared or changed since are of no earlier step."""
        now = self._read()
        if now is None or now != self._mark:
            self.stale, self._mark = False, now
        elif self.stale:  # `p.grad.data.zero_()` leaves the version as it was
            self.stale = bool(self._held.grad.detach().any())

    def leave(self) -> None:
        """A backward has ended."""
        now = self._read()
        if now != self._mark:
            self.made |= now is not None
            self._mark = now

    def before_step(self) -> tuple[bool, bool]:
        """Whether gradients of an earlier step are in these, and whether some were made and are gone."""
        if not self.made:
            return False, False
        now = self._read()
        gone = False
        if now is None or (now != self._mark and self._known.watcher.looking.due):
            gone = not self.alive()  # another loss may have reached other parameters
        return self.stale and not gone, gone

    def renewed(self) -> bool:
        """Whether gradients were set by hand since the step or the last backward."""
        now = self._read()
        return now is not None and now != self._mark and self.alive()

    def after_step(self) -> None:
        """The step is over: what is there now belongs to it."""
        self._mark = self._read()
        self.stale = self._mark is not None
        self.made, self.sure = False, True

    def alive(self) -> bool:
        """Whether some gradient of the optimizer is not zero."""
        grads = [parameter.grad for parameter in self._known.parameters() if parameter.grad is not None]
        return any(grad.is_sparse or bool(grad.detach().any()) for grad in grads)

    def _hold(self) -> None:
        """The last parameter that has a gradient: every loss reaches the head."""
        for parameter in self._known.parameters():
            if parameter.grad is not None:
                self._held = parameter
