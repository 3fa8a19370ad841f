"""Rows that are equal, or nearly, within a split and across splits: which, how many, and how many chance would make."""
