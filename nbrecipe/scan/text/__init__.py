"""What a tokenizer makes of a whole data set, and what stands in data that are ids already: counted in one reading.

`lengths`, `vocabulary`, `writing`, `unknown` and `ends` are what is counted; `part` gathers them for some texts,
`id_part` for some rows of ids, and both merge. `opening` finds the texts in what a person has, `chunks` hands them on;
`reading` and `id_reading` go through them by `running`. `shift` compares lengths, `table` says which rows of an
embedding nothing trains, `told` and `told_ids` put it into words, `held` is the way in for checks.
"""
