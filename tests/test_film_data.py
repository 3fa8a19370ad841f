"""A film is plain data that any panel can draw."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np

from nbrecipe.film import Film, Kind


def test_a_film_starts_empty_and_films_share_nothing():
    one, other = (Film(Kind.CLASSES, ["7"], np.ones(1)) for _ in range(2))
    one.frames.append(np.zeros(1))
    one.names[3] = "ship"
    assert (other.frames, other.names, other.losses, other.aligned, other.refused) == ([], {}, [], None, [])


def test_kinds_read_as_plain_words():
    assert [str(kind) for kind in Kind] == ["classes", "multilabel", "regression", "tokens", "images", "loss"]
    assert json.dumps(Kind.TOKENS) == '"tokens"'


def test_a_film_can_be_described_without_torch_and_numpy():
    asked = "import sys; import nbrecipe.film; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True).stdout.strip() == "set()"
