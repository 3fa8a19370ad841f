"""Tuning: what a trained net shows of itself."""
