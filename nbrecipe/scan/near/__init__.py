"""Rows that are nearly equal: keys taken while a data set is read, pairs that share one, and a second look at those."""
