"""Every row of a data set as a line of numbers, to sort, filter, search and count by.

`columns` reads the rows once and measures each of them; `expression` works out what is asked of them, without running
anybody's code; `selection` is the rows that are asked for, in their order, and how a column is distributed among them.
"""
