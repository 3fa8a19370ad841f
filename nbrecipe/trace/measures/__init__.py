"""Tensors, targets and graphs in a few numbers; nothing here knows that a loop is watched."""
