"""A whole report as one document that needs no network, follows the reader's light or dark, and prints."""

from __future__ import annotations

from dataclasses import replace
from html import escape

from ...finding import plain
from ...report import Report
from ..pieces.fragment import fragment
from . import board, html


def page(report: Report, title: str = "") -> str:
    """The document: the board, then every finding with its picture or film."""
    told = html.header(replace(report, title="Findings")) + html.rows(report) if report.results else ""
    return document(title or report.title, fragment(f"{board.body(report)}<div class='nbr-part'>{told}</div>"))


def document(title: str, body: str) -> str:
    """A fragment as a page of its own."""
    name = escape(plain(title).replace("`", ""))
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head = f'<head><meta charset="utf-8">{view}<title>{name}</title></head>'
    return f'<!doctype html>\n<html lang="en">{head}<body class="nbr-page">{body}</body></html>\n'
