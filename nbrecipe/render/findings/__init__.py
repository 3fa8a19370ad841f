"""Findings, the board and pages of checks, as text and HTML."""
