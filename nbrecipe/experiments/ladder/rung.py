"""One baseline: how it answers, what beating it shows, and its answers to the validation data."""

from __future__ import annotations

from dataclasses import dataclass

from ...evaluation.answers import Answers


@dataclass(frozen=True)
class Rung:
    """A simple way to answer, tried on the validation data."""

    #: "uniform", "prior", "majority", "linear", "nearest neighbour", "gradient boosting", "bigram", "rule", …
    id: str
    #: how it answers, so that anyone can do the same: "always answers `3`", "LogisticRegression(C=1) on 64 pixels"
    how: str
    #: what a model that beats it has shown, and what the rung cannot see
    shows: str
    cannot: str
    #: None where it could not be tried; `refused` then says why, in one sentence
    answers: Answers | None
    refused: str = ""
    #: what it was fitted on: "1257 rows", "20000 of 100000 rows, drawn at random with seed 0"; "" where on none
    fitted_on: str = ""
    seconds: float = 0.0
