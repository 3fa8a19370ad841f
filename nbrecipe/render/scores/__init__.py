"""Scores with their intervals, baselines, evaluations and people as text and HTML."""

from __future__ import annotations
