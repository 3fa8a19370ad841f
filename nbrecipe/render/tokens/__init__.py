"""Texts as their tokens."""
