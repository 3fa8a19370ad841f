"""Which outputs depend on which inputs: over rows, positions, features and space, and the line where they meet."""
