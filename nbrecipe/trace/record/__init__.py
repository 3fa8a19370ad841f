"""What was seen of a loop: plain data, and what can be read off it when the cell has ended."""
