"""What the cells say of a loop that nobody watched: how often it steps, and what its schedule comes to."""
