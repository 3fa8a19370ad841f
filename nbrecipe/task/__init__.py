"""What is being learned, read off the call that really reaches a loss function, and the loss that a guess has."""

from __future__ import annotations

from .call import LossCall, catch_loss
from .kind import Task, read_task

__all__ = ["LossCall", "Task", "catch_loss", "read_task"]
