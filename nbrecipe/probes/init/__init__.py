"""What a fresh model starts from: its first loss, its last bias, and weights that were loaded or drawn."""
