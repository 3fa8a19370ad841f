"""Simple baselines of a task, each a rung that a model has to stand above."""

from __future__ import annotations
