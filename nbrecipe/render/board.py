"""The board: every stage and tip of the recipe, where you stand, and what stops you."""

from __future__ import annotations

from ..report import Report
from . import text as _text


def text(report: Report) -> str:
    """The board as plain text."""
    return _text.findings(report)


def html(report: Report) -> str:
    """The board as an HTML fragment."""
    from .html import findings

    return findings(report)
