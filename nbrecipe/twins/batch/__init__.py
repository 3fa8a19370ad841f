"""The functions that look at a model, a function or a loop on one batch."""
