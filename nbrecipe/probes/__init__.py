"""Measurements on one batch that several checks share."""
