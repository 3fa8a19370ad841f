"""How fast it is, as ratios of paired runs: `python -m tests.bench` prints the table, with names a part of it."""
