"""Runs that go on and that are over: films of one batch, curves of a watched loop."""
