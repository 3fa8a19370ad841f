"""What stands in a data set."""
