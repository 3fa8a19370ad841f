"""The curves of a watched loop as data, words, picture and snapshot: right, and small however long the run."""

from __future__ import annotations

import json
import math
import re
import zlib
from dataclasses import replace

import films
import numpy as np
import pytest
import traces
from reports import LOSS

from nbrecipe.finding import Result
from nbrecipe.render.runs import curves, loop, watching
from nbrecipe.render.runs.charts import Curve, brief, smoothed, thinned
from nbrecipe.report import Report
from nbrecipe.trace.record.data import LoaderSeen, Trace

RUNS = pytest.mark.parametrize("make", traces.ALL.values(), ids=traces.ALL)


def report(trace: Trace) -> Report:
    made = Report(watching.title(trace), note=watching.summary(trace), seconds=trace.seconds)
    return made.add([Result("loss-at-init", "The loss at init is that of a guess", LOSS)])


def snapshot(made: Report, trace: Trace) -> str:
    """The page of a run, with its picture where there is one."""
    return watching.html_of(made, trace, watching.png(trace) if loop.charts(trace) else None)


def chart(trace: Trace, name: str):
    return {each.id: each for each in loop.charts(trace)}[name]


# ---- curves --------------------------------------------------------------------------------------------------------


def test_a_curve_of_any_length_is_thinned_and_keeps_its_ends_and_its_spikes():
    values = np.ones(20_000)
    values[[7_001, 13_333]] = 50.0, -3.0
    kept = thinned(np.column_stack([np.arange(20_000), values]))
    assert len(kept) <= 242
    assert (kept[0, 0], kept[-1, 0]) == (0, 19_999)
    assert {50.0, -3.0} <= set(kept[:, 1])
    assert (np.diff(kept[:, 0]) > 0).all()


def test_what_is_not_finite_leaves_a_gap_and_a_short_curve_stays():
    rows = np.column_stack([np.arange(5_000), np.ones(5_000)])
    rows[2_500:, 1] = np.nan
    kept = thinned(rows)
    assert np.isnan(kept[kept[:, 0] > 2_600, 1]).all()
    assert np.isfinite(kept[kept[:, 0] < 2_400, 1]).all()
    assert thinned(rows[:240]) is not None
    assert len(thinned(rows[:240])) == 240


def test_smoothing_keeps_a_straight_line_and_calms_noise():
    line = np.column_stack([np.arange(1000), 3.0 + 0.01 * np.arange(1000)])
    assert np.allclose(smoothed(line, log=False)[5:-5, 1], 3.0 + 0.01 * smoothed(line, log=False)[5:-5, 0], atol=1e-9)
    noisy = np.column_stack([np.arange(1000), np.exp(np.random.default_rng(0).standard_normal(1000))])
    calm = smoothed(noisy, log=True)
    assert np.log(calm[:, 1]).std() < 0.35
    assert len(calm) <= 241


def test_a_curve_that_ends_in_no_number_says_so_at_its_end():
    bold = [curve for curve in chart(traces.diverged(), "loss").curves if curve.style == "" and curve.says == "loss"]
    assert math.isnan(bold[0].points[-1, 1])
    assert np.isfinite(bold[0].points[:-1, 1]).all()


def test_there_is_a_bold_and_a_thin_curve_for_each_loss_and_validation_is_dashed():
    seen = chart(traces.training(), "loss")
    assert [(curve.name, curve.style) for curve in seen.curves] == [
        ("", "thin"),
        ("training", ""),
        ("validation", "dash"),
    ]
    assert seen.log
    assert [curve.name for curve in chart(traces.adversarial(), "loss").curves if curve.name] == ["loss_d", "loss_g"]


def test_a_loss_below_zero_has_a_linear_axis():
    trace = traces.training()
    trace.backward[0].values = traces.series(np.linspace(1, -4, 100))
    trace.validation = traces.series([])
    assert not chart(trace, "loss").log
    assert chart(trace, "loss").rest == " per step"


def test_rates_that_fall_by_much_have_a_logarithmic_axis_and_constant_ones_begin_at_zero():
    assert chart(traces.training(), "rate").log
    assert (chart(traces.adversarial(), "rate").log, chart(traces.adversarial(), "rate").zero) == (False, True)


def test_clipping_shows_the_norm_before_it_and_its_limit_where_that_is_near():
    trace = traces.training()
    assert chart(trace, "gradient").levels == ((1.0, "limit"),)
    assert chart(trace, "gradient").rest == " before clipping, log scale"
    trace.clips[0].limit = 1000.0
    assert chart(trace, "gradient").levels == ()


def test_few_layers_are_drawn_by_name_without_biases():
    seen = chart(traces.training(), "ratio")
    assert [curve.name for curve in seen.curves] == ["conv1", "fc"]
    assert (seen.band, seen.levels) == ((1e-4, 1e-2), ((1e-3, ""),))


def test_of_many_layers_a_band_the_median_and_the_two_outer_ones_are_drawn():
    seen = chart(traces.deep(), "ratio")
    assert [curve.name for curve in seen.curves][::2] == ["median", "blocks.31.attention.weight"]
    assert [curve.style for curve in seen.curves] == ["", "thin", "wrong"]
    [area] = seen.areas
    assert (area.points[:, 1] <= area.points[:, 2]).all()
    middle = seen.curves[0].points[:, 1]
    assert ((area.points[:, 1] <= middle) & (middle <= area.points[:, 2])).all()


def test_the_median_is_that_of_the_layers():
    trace = traces.training(layers=[f"{i}.weight" for i in range(9)])
    update = trace.optimizers[0].updates[0]
    expected = np.median([change / weight for change, weight in zip(update.changes, update.weights, strict=True)])
    assert chart(trace, "ratio").curves[0].points[0, 1] == pytest.approx(expected)


def test_without_steps_there_is_no_curve_of_one_point():
    trace = traces.evaluation()
    trace.validation.add(0, 0.7)
    assert loop.charts(trace) == []
    assert "0.7" not in watching.text_of(report(trace), trace)
    trace.steps = 1
    assert chart(trace, "loss").told == "validation loss 0.7"


def test_a_layer_that_comes_or_goes_or_never_moves_is_no_stumbling_block():
    trace = traces.training(layers=[f"{i}.weight" for i in range(9)])
    for update in trace.optimizers[0].updates:
        update.changes[3] = 0.0
    last = trace.optimizers[0].updates[-1]
    for values in (last.layers, last.gradients, last.weights, last.changes, last.unchanged):
        values.pop()
    moves = loop.Moves.of(trace.optimizers[0])
    assert moves.layers == [f"{i}.weight" for i in range(9) if i != 3]
    assert np.isnan(moves.ratios[-1, -1])
    assert chart(trace, "ratio").told.count("weight") == 3


# ---- words ---------------------------------------------------------------------------------------------------------


def test_the_text_stands_alone():
    trace = traces.training()
    told = watching.text_of(report(trace), trace)
    assert told.startswith("Watched cell 7: 1 fault, 12 s; 420 steps, 3 passes over `train_dl`\n")
    for part in (
        "loss 2.37 → 0.082, validation loss 2.3 → 0.44",
        "update/weight late, biases left out: `conv1.weight` 0.00038, `fc.weight` 0.00021",
        "gradient norm 2.47 → 0.958",
        "rate of `opt` 0.1 → 0.001",
        "Predictions still move late in the run: by 0.03",
        "✗ Loss at init is 4.607; these labels give 2.303 ± 0.004",
    ):
        assert part in told.replace("\n    ", " ")
    assert max(map(len, told.splitlines())) <= 88


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (traces.nothing, "no model was called and nothing trained in this cell"),
        (traces.evaluation, "nothing trained"),
        (traces.begun, "1 step, 3 passes over `train_dl`"),
        (
            lambda: replace(traces.training(), error="ValueError: no"),
            "420 steps, 3 passes over `train_dl`, ended by ValueError",
        ),
    ],
    ids=["nothing", "evaluation", "begun", "error"],
)  # fmt: skip
def test_what_was_seen_is_summed_up_in_a_line(make, told):
    assert watching.summary(make()) == told


def test_the_loader_that_is_trained_on_speaks_for_the_run():
    trace = traces.training()
    trace.loaders.insert(0, LoaderSeen("val_dl", "DataLoader", 9, 90, 10, False, 3, 27, 0))
    assert watching.loader_of(trace).name == "train_dl"
    assert watching.loader_of(traces.nothing()) is None


@pytest.mark.parametrize(
    ("value", "told"), [(0.1, "0.1"), (0.00036, "0.00036"), (2.0, "2"), (120.0, "120"), (0.0, "0"), (1e-7, "1e-7")]
)
def test_a_number_is_brief(value, told):
    assert brief(value).replace("1.0e", "1e") == told


def test_how_predictions_move_is_said_in_words():
    rng = np.random.default_rng(0)
    film = films.classes()
    film.frames = list(rng.uniform(0, 1, (60, 16)).astype("f4"))
    assert re.fullmatch(
        r"Predictions wiggle: late in the run they move by \*\*0\.\d+\*\* from frame to frame and turn back "
        r"\(the correlation of one move with the next is -0\.\d+\)\. A learning rate that is too high does this\.",
        watching.moving(film),
    )
    film.frames = [np.full(16, 0.1, "f4")] * 60
    assert watching.moving(film).startswith("Predictions barely move: no farther than **0** from where they started.")
    assert watching.moving(None) == ""


# ---- data for the panel --------------------------------------------------------------------------------------------


@RUNS
def test_the_board_is_json_and_says_where_every_curve_lies(make):
    board = watching.board(make())
    points = np.frombuffer(board.pop("points"), "<f4")
    told = json.loads(json.dumps(board, allow_nan=False))
    curved = [curve for each in told["charts"] for curve in [*each["curves"], *each["areas"]]]
    assert sum(curve["rows"] * curve["width"] for curve in curved) == len(points)
    assert [curve["start"] for curve in curved] == sorted(curve["start"] for curve in curved)


def test_a_board_holds_no_more_points_for_a_longer_run():
    short, long = (len(watching.board(traces.training(steps, film=None))["points"]) for steps in (1_000, 200_000))
    assert long < 2 * short


# ---- snapshot ------------------------------------------------------------------------------------------------------


@RUNS
def test_a_snapshot_has_its_picture_and_words_before_its_script(make):
    trace = make()
    page = snapshot(report(trace), trace)
    assert len(page) <= watching.LIMIT
    if loop.charts(trace):
        assert page.index("<img") < page.index('<script type="module"')
        assert re.search(r'alt="Loss (?:loss_d )?[\d.]+', page)
    else:
        assert 'nbr-shot"' not in page


@pytest.mark.parametrize("kind", films.ALL)
def test_every_kind_of_film_stays_small(kind):
    trace = traces.training(film=kind)
    assert len(snapshot(report(trace), trace)) <= watching.LIMIT


def test_a_huge_run_stays_within_the_limit():
    trace = traces.huge()
    page = snapshot(report(trace), trace)
    assert len(page) <= watching.LIMIT
    assert page.count("<script") >= 1


def test_so_many_findings_with_pictures_lose_these_and_keep_their_words(monkeypatch):
    trace = traces.huge()
    large = b"\x89PNG\r\n\x1a\n" + bytes(8) + b"\0\0\1\0" * 2 + bytes(20_000)
    monkeypatch.setattr(watching.html.figure, "png", lambda result: large if result.finding.seen else None)
    many = report(trace)
    many.results = {str(i): Result(f"check-{i}", "A title", LOSS) for i in range(40)}
    page = snapshot(many, trace)
    assert len(page) <= watching.LIMIT
    assert page.count("4.607") == 40


def test_what_is_packed_is_board_film_and_points():
    trace = traces.training()
    head, _, _ = zlib.decompress(watching.packed(trace, 100_000)).partition(b"\n")
    told = json.loads(head)
    assert told["points"] == len(watching.board(trace)["points"])
    assert told["film"]["steps"] == trace.film.steps
    assert [each["id"] for each in told["board"]["charts"]] == ["loss", "ratio", "gradient", "rate"]


def test_a_film_that_is_too_large_is_left_out_and_the_curves_stay():
    told = json.loads(zlib.decompress(watching.packed(traces.huge(), 60_000)).split(b"\n", 1)[0])
    assert told["film"]["steps"] == []
    assert len(told["board"]["charts"]) == 4


def test_the_users_words_are_never_markup():
    trace = traces.training()
    trace.backward[0].name = trace.optimizers[0].name = trace.loaders[0].name = "</script><script>alert(1)</script>"
    trace.validation = traces.series([])
    trace.notes = ["<script>alert(2)</script>"]
    page = snapshot(report(trace), trace)
    assert "<script>alert" not in page


@RUNS
@pytest.mark.filterwarnings("error")
def test_the_still_picture_is_a_small_png(make):
    trace = make()
    if not loop.charts(trace):
        return
    png = watching.png(trace)
    assert png.startswith(b"\x89PNG")
    assert len(png) <= watching.PICTURE


def test_a_figure_shows_every_chart_and_the_predictions():
    trace = traces.training()
    drawn = curves.figure(loop.charts(trace), trace.film)
    titles = [ax.get_title(loc="left") for ax in drawn.axes]
    assert [title.split(",")[0].split(":")[0] for title in titles] == [
        "Loss per step", "Prediction meets label", "Update / weight by layer", "Gradient norm before clipping",
        "Learning rate",
    ]  # fmt: skip
    assert len(curves.figure(loop.charts(traces.adversarial())).axes) == 4


def test_a_curve_with_a_name_of_dollars_is_drawn():
    seen = replace(loop.charts(traces.training())[0], curves=(Curve(np.array([[0, 1.0], [1, 2.0]]), "$x$"),))
    assert curves.figure([seen]).axes


def test_the_panel_is_one_module_that_imports_nothing():
    module = watching.module()
    assert not re.search(r"^import ", module, flags=re.MULTILINE)
    assert len(re.findall(r"^export ", module, flags=re.MULTILINE)) == 2


@pytest.mark.parametrize(
    ("heights", "moved"),
    [
        ([], []),
        ([0.2, 0.8], [0.2, 0.8]),
        ([0.5, 0.5], [0.5, 0.62]),
        ([0.95, 0.96, 0.1], [0.88, 1.0, 0.1]),
        ([1.05], [1.05]),
    ],
)
def test_names_that_would_lie_on_one_another_move_apart(heights, moved):
    assert curves.apart(heights) == pytest.approx(moved)
