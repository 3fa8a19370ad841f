"""A file for each kind of tokenizer."""
