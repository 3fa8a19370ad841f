"""The functions that say how good answers are: those of simple baselines, of a model, of a person."""
