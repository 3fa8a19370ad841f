"""Reports, films and pages as text, HTML and pictures: pure functions of plain data."""

from . import board, explain, figure, film, html, page, text

__all__ = ["board", "explain", "figure", "film", "html", "page", "text"]
