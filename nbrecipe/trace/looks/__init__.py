"""What is looked at while the loop runs, and when: models, outputs, tokens, predictions, the user's lines and names."""
