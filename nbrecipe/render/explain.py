"""A check's page: what holds, why it matters, and examples that really ran."""

from __future__ import annotations

from ..report import ExplainPage
from . import fragment


def text(page: ExplainPage) -> str:
    """The page as plain text."""
    return f"{page.id}: {page.title}\n\n{page.why}"


def html(page: ExplainPage) -> str:
    """The page as an HTML fragment."""
    return fragment.fragment(fragment.heading(page.title, page.id))
