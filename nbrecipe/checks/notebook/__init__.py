"""Notebook and reproducibility."""
