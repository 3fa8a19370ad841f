"""What a tokenizer makes of a whole data set, and what stands in data that are ids already: counted in one reading.

`lengths`, `vocabulary`, `writing` and `unknown` are what is counted; `part` gathers them for some texts, `id_part` for
some rows of ids, and both merge. `opening` finds the texts in what a person has; `reading` and `id_reading` go through
them. `shift` compares lengths, `table` says which rows of an embedding nothing trains, `told` puts it into words,
`held` is the way in for checks.
"""
