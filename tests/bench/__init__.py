"""How fast it is: ratios of paired runs. `python -m tests.bench` prints the table, `python -m tests.bench overfit` a part."""
