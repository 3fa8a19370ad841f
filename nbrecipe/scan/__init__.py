"""A data set read once, from its first row to its last, in bounded memory.

`sources` opens what a person has as rows, `columns` decides what they hold, `counts` is what is counted of them; `part`
gathers the counts of some rows, and parts merge in the order of the rows. `reading` goes through all rows, `cluster`
lets others do it. `looks`, `doubles` and `near` say what follows; `text` counts what a tokenizer makes of texts, and
rows of ids. `held` is the way in for checks, `table` that of `%browse`, `seen` and `writing` that of a page.

Bounded is what is kept: the hashes of a million rows, of more in a file without a name of 4 GB at most; the keys of two
million rows; a sample of 128 MB; and of large rows as many as 16 MB hold are read at once.
"""
