"""Gradients of backward against finite differences, on a copy in float64."""

from __future__ import annotations

from .audit import POINTS, audit_function, audit_model

__all__ = ["POINTS", "audit_function", "audit_model"]
