"""The functions that look at data."""
