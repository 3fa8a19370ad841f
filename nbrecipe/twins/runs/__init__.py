"""The functions that watch a run."""
