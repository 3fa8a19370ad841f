"""How fast it is, as ratios of paired runs: `python -m tests.bench` prints the table, with names a part of it."""

#: an interpreter that has ydata-profiling; "" for this one
YDATA = ""
