"""A whole report as one document that needs no network."""

from __future__ import annotations

from html import escape

from ..finding import plain
from ..report import Report
from . import html


def page(report: Report, title: str = "") -> str:
    """The document: board, findings, films."""
    name = escape(plain(title or report.title).replace("`", ""))
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title></head>'
    return f'{head}<body class="nbr-page">{html.findings(report)}</body></html>'
