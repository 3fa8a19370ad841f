"""What a cheap model can tell from simple features of a data set: enough to see labels that do not belong to them.

`features` makes a table of numbers out of any input, `rows` pairs it with labels, `neighbours` and `linear` predict
each row from others, `probabilities` does so with the baselines of scikit-learn. All of it is seeded by itself.
"""
