"""The Python twins of the magics that show more than findings, one file each, named like the magic."""
