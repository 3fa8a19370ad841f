"""What is counted of rows, each so that parts merge: numbers of every axis, labels, hashes, words, a sample."""
