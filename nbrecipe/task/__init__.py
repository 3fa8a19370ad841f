"""What is being learned, read off the call that really reaches a loss function, and the loss that a guess has."""

from __future__ import annotations

from .call import LossCall, catch_loss
from .expected import Expected, expected
from .kind import Kind, Task
from .read import as_in_training, read_task

__all__ = ["Expected", "Kind", "LossCall", "Task", "as_in_training", "catch_loss", "expected", "read_task"]
