"""The functions that look at texts and their tokens."""
