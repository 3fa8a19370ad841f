"""What every drawing is made of: fragments of HTML, words and marks, packed data, pictures of findings."""
