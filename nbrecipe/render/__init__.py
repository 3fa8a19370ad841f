"""Reports, films and pages as text, HTML and pictures: pure functions of plain data."""

from . import board, curves, explain, figure, film, html, loop, page, text, watching

__all__ = ["board", "curves", "explain", "figure", "film", "html", "loop", "page", "text", "watching"]
