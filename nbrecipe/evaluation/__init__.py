"""What is answered to every example of a data set, by a model, a simple rule or a person, and what that is worth."""

from __future__ import annotations
