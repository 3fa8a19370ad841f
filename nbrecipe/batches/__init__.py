"""How a batch is fed: which part is input, which is target, and where a model's answer stands in what it returns."""

from __future__ import annotations

from .feeding import Feed, Step, ask, feed, first_tensor, forward, offered, output_of, own_loss, takes_model
from .loader import first_batch, read
from .structure import OUTPUT_KEYS, TARGET_KEYS, BadInput, apply, batch_size, leaves, move, take

__all__ = [
    "OUTPUT_KEYS", "TARGET_KEYS", "BadInput", "Feed", "Step", "apply", "ask", "batch_size", "feed", "first_batch",
    "first_tensor", "forward", "leaves", "move", "offered", "output_of", "own_loss", "read", "take", "takes_model",
]  # fmt: skip
