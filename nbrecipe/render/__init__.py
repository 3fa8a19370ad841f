"""Reports, films and pages as text, HTML and pictures: pure functions of plain data."""

from .findings import board, explain, html, page, text
from .pieces import figure
from .runs import curves, film, loop, watching

__all__ = ["board", "curves", "explain", "figure", "film", "html", "loop", "page", "text", "watching"]
