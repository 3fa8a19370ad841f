"""What of torch is stood around or listened to while the cell runs; it hands on what it hears."""
