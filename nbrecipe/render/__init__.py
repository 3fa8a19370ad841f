"""Reports, films and pages as text, HTML and pictures: pure functions of plain data."""

from . import board, charts, curves, explain, figure, film, html, page, text, watching

__all__ = ["board", "charts", "curves", "explain", "figure", "film", "html", "page", "text", "watching"]
