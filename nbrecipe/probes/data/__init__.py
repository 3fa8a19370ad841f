"""What reading a data set does: which rows it gives, what it draws from, what it changes."""
