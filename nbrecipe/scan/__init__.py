"""A data set read once, from its first row to its last, in bounded memory.

`sources` opens what a person has as rows; `plan` decides what the columns hold; `part` is what is counted of some
rows, and parts merge in the order of the rows; `reading` goes through all of them. `held` is the way in for checks.
"""
