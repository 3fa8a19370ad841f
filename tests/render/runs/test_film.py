import base64
import json
import math
import re
import subprocess
import zlib
from shutil import which

import films
import numpy as np
import pytest

from nbrecipe.film import Film, Kind
from nbrecipe.render.pieces.fragment import STATIC
from nbrecipe.render.runs import film as drawn

KINDS = pytest.mark.parametrize("make", films.ALL.values(), ids=films.ALL)


@KINDS
def test_state_is_json_and_names_every_frame(make):
    film = make()
    told = json.loads(json.dumps(drawn.state(film), allow_nan=False))
    frames = np.frombuffer(drawn.buffers(film)["frames"], "<f4")
    assert told["kind"] == film.kind.value
    assert len(frames) == len(told["steps"]) * (math.prod(told["shape"]) if told["steps"] else 0)
    assert len(told["targets"]) == math.prod(told["shape"])
    assert told["total"] == 120


@KINDS
def test_buffers_are_the_frames_themselves(make):
    film = make()
    told = drawn.buffers(film)
    assert told["frames"] == b"".join(frame.astype("<f4").tobytes() for frame in film.frames)
    assert told["guesses"] == b"".join(guess.astype("<i4").tobytes() for guess in film.guesses)


def test_a_frame_is_sent_in_the_shape_of_the_state():
    film = films.images(count=30, side=200)
    [sent] = drawn.frame_buffers(film, film.frames[0])
    assert len(sent) == 4 * math.prod(drawn.state(film)["shape"])
    assert len(drawn.frame_buffers(films.classes(), np.ones(16), np.zeros(16))) == 2


def test_a_loss_that_is_no_number_is_null():
    film = Film(Kind.LOSS, [], np.zeros(0), losses=[(0, math.nan), (1, math.inf), (2, 0.5)], expected=math.inf)
    told = drawn.state(film)
    assert told["losses"] == [[0, None], [1, None], [2, 0.5]]
    assert told["expected"] is None


def test_the_planned_number_of_steps_is_told():
    assert drawn.state(films.classes(), total=500)["total"] == 500


@KINDS
def test_a_snapshot_has_a_picture_its_words_and_stays_small(make):
    page = drawn.html(make())
    assert page.index("<img") < page.index("<script")
    assert re.search(r'alt="Loss from [\d.]+ to [\d.]+ in 120 steps', page)
    assert len(page) <= 300_000


def test_a_large_film_is_thinned_to_the_budget_and_keeps_its_last_frame():
    rng = np.random.default_rng(0)
    frames = [rng.random((8, 32, 32)).astype("f4") for _ in range(120)]
    film = Film(Kind.IMAGES, [str(i) for i in range(8)], frames[0], frames, [], list(range(120)), [(0, 1.0)])
    assert len(drawn.packed(film)) <= drawn.BUDGET
    head = json.loads(zlib.decompress(drawn.packed(film)).split(b"\n", 1)[0])
    assert head["film"]["steps"][-1] == 119
    assert len(head["film"]["steps"]) < 120


def test_two_snapshots_in_one_page_have_ids_of_their_own():
    film = films.classes()
    ids = re.findall(r'id="(nbr-\w+)"', drawn.html(film) + drawn.html(film))
    assert len(set(ids)) == 2


def test_user_names_in_a_snapshot_are_packed_away_from_the_markup():
    film = films.classes()
    film.labels[0] = "</script><script>alert(1)</script>"
    page = drawn.html(film)
    assert "alert" not in page
    assert page.count("<script") == 1


def test_the_outcome_is_told_in_words():
    assert drawn.outcome(films.classes()) == (
        "Loss from 2.301 to 0.00971 in 120 steps; the lowest possible is 0. 15 of 16 predictions reached their label."
    )
    assert "stayed on its label from step 61 on" in drawn.outcome(films.classes(refuses=None))
    assert drawn.outcome(Film(Kind.LOSS, [], np.zeros(0))) == "No loss was recorded."


@KINDS
def test_the_still_picture_is_a_small_png(make):
    png = drawn.png(make())
    assert png.startswith(b"\x89PNG")
    assert len(png) < 100_000


@pytest.mark.filterwarnings("error")
def test_the_still_picture_takes_any_name_and_any_number():
    film = films.classes()
    film.labels[0], film.labels[1] = "$\\frac$", "猫 🐈"
    film.frames[-1][2] = np.nan
    film.losses[5] = (5, math.nan)
    assert drawn.png(film)


def test_the_panel_is_one_module_that_imports_nothing():
    module = drawn.module()
    assert not re.search(r"^import ", module, flags=re.MULTILINE)
    assert len(re.findall(r"^export ", module, flags=re.MULTILINE)) == 2
    assert not re.search(r"https?://(?!www\.w3\.org)", module)


@pytest.mark.skipif(which("node") is None, reason="no node here")
@pytest.mark.parametrize("name", sorted(path.name for path in STATIC.glob("*.js")))
def test_every_script_parses(name):
    source = (STATIC / name).read_text(encoding="utf-8")
    done = subprocess.run(["node", "--check", "--input-type=module"], input=source, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["nbr.css", "watch.css"])
def test_every_class_of_the_style_sheet_is_ours(name):
    css = (STATIC / name).read_text(encoding="utf-8")
    foreign = {"vscode-dark", "jp-mod-dark"}
    assert {name for name in re.findall(r"\.([a-z][\w-]*)", css) if not name.startswith("nbr")} <= foreign


def test_a_snapshot_carries_the_module_whole():
    [script] = re.findall(r'atob\("([^"]+)"\), \(letter', drawn.html(films.regression()))
    assert base64.b64decode(script).decode() == drawn.module()
