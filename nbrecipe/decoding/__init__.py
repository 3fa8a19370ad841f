"""Tensors turned back into what a person can look at: pictures, curves, tables, tokens and words."""
