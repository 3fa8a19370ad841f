"""Which parameters a loss reaches, what is held beside them, and what the user's code says of it."""
