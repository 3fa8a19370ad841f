"""What trains: overfitting one batch, and later baselines, capacity, ranges."""
