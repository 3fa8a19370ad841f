"""The panel of a watched cell alone in a browser: it moves with the run, scrubs, adapts; and its snapshot offline."""

import base64
import itertools
import re

import films
import pytest
import reports
import traces
from fronts import widget_page
from test_film_script import b64, data, fill, scrub, told
from test_watching_curves import snapshot

from nbrecipe.film import Written
from nbrecipe.finding import Result, bad
from nbrecipe.render.pieces.fragment import static
from nbrecipe.render.runs import film as drawn
from nbrecipe.render.runs import watching
from nbrecipe.report import Report

pytestmark = pytest.mark.browser
PANEL = ".nbr-watch"
RUNS = {name: make for name, make in traces.ALL.items() if name not in ("nothing", "evaluation")}
PUT = """([board, points]) => {
  const bytes = Uint8Array.from(atob(points), (letter) => letter.charCodeAt(0));
  put("board", { ...board, points: new DataView(bytes.buffer) });
}"""


@pytest.fixture
def live(tab):
    """The panel with a model that the test plays the kernel of."""

    def go(trace=None, state="running", **settings):
        panel = tab(widget_page(watching.module(), watching.style()), **settings)
        panel.wait_for_function("window.ready")
        panel.evaluate("state => put('state', state)", state)
        if trace is not None:
            show(panel, trace)
            if trace.film is not None:
                fill(panel, trace.film)
        return panel

    return go


@pytest.fixture
def saved(tab):
    """A snapshot, opened from a file without network."""

    def go(trace, **settings):
        page = tab(f"<body class='nbr-page'>{snapshot(report(trace), trace)}", **settings)
        if settings.get("java_script_enabled", True):
            page.wait_for_selector(PANEL)
        return page

    return go


def report(trace, *results):
    return Report(watching.title(trace), note=watching.summary(trace), seconds=trace.seconds).add(results)


def show(panel, trace, **more):
    board = watching.board(trace, **more)
    panel.evaluate(PUT, [{**board, "points": None}, base64.b64encode(board["points"]).decode()])


def captions(page):
    return [text.split(",")[0].split(":")[0] for text in page.locator("figcaption").all_text_contents()]


def test_every_board_that_comes_is_drawn_and_counted(live):
    panel = live()
    assert (data(panel, "updates"), data(panel, "charts")) == ("1", "0")
    for steps in (100, 200, 300):
        show(panel, traces.training(steps, film=None), pace="pass 2: 5 of 9 batches, 3 s left in it")
        assert int(data(panel, "step")) == steps - 1
    assert (data(panel, "updates"), data(panel, "charts"), data(panel, "state")) == ("4", "4", "running")
    assert panel.locator(".nbr-head span").text_content() == (
        "300 steps, 3 passes over train_dl · pass 2: 5 of 9 batches, 3 s left in it"
    )


def test_a_thin_bar_shows_how_much_of_the_pass_is_done_while_it_can_be_told(live):
    trace, panel = traces.training(film=None), live(traces.training(film=None))
    bar = panel.locator("[role=progressbar]")
    assert not bar.is_visible()
    show(panel, trace, share=0.25)
    assert bar.get_attribute("aria-valuenow") == "25"
    widths = [box.bounding_box()["width"] for box in (bar.locator("div"), bar)]
    assert abs(widths[0] / widths[1] - 0.25) < 0.01
    panel.evaluate("() => put('state', 'done')")
    assert not bar.is_visible()


def test_there_is_no_button_that_reaches_into_the_users_loop(live):
    panel = live(traces.training())
    assert [button.get_attribute("aria-label") for button in panel.locator("button").all()] == ["play"]


def test_loss_and_predictions_stand_on_top_and_without_film_the_update_ratio(live):
    assert captions(live(traces.training())) == [
        "Loss per step", "Prediction meets label", "Update / weight by layer", "Gradient norm before clipping",
        "Learning rate",
    ]  # fmt: skip
    assert captions(live(traces.adversarial())) == [
        "Loss per step", "Update / weight by layer", "Gradient norm", "Learning rate",
    ]  # fmt: skip


def test_frames_that_come_are_followed_and_scrubbing_back_stays(live):
    trace = traces.training()
    panel = live(trace)
    assert (data(panel, "nframes"), data(panel, "step")) == ("17", "420")
    scrub(panel, 3)
    message = {"kind": "frame", "step": 999, "losses": []}
    panel.evaluate("([m, b]) => tell(m, b)", [message, [b64(trace.film.frames[0], "<f4")]])
    assert (data(panel, "nframes"), data(panel, "step")) == ("18", "24")


def test_the_line_tells_every_value_where_the_cursor_stands(live):
    panel = live(traces.training(), state="done")
    scrub(panel, 0)
    assert re.fullmatch(
        r"step 0 · loss [\d.]+ · validation 2\.3 · update/weight conv1\.weight [\d.]+ · gradient [\d.]+ · rate 0\.1"
        r" · \d+ of 16 aligned",
        told(panel),
    )


def test_a_value_that_was_measured_long_before_is_told_with_its_step_and_its_dot_stays_there(live):
    panel = live(traces.training(), state="done")
    assert "validation 0.44 (step 336)" in told(panel)
    cursor, dots = panel.locator(".nbr-cursor").first, panel.locator("svg").nth(0).locator("circle.nbr-dot")
    places = sorted(float(dot.get_attribute("cx")) for dot in dots.all())
    assert places[0] < 0.9 * places[1]
    assert abs(places[1] - float(cursor.get_attribute("x1"))) < 2


def test_a_loss_that_is_no_number_any_more_is_told_so(live):
    panel = live(traces.diverged(), state="done")
    assert "loss not finite" in told(panel)
    assert "NaN" not in "".join(path.get_attribute("d") for path in panel.locator("path").all())


def test_how_predictions_move_is_said_beneath_them(live):
    panel = live(traces.training())
    assert panel.locator(".nbr-seen .nbr-moving").text_content().startswith("Predictions still move late in the run")


def test_findings_so_far_are_shown_and_go_when_they_no_longer_hold(live):
    trace, panel = traces.training(), live(traces.training())
    assert not panel.locator(".nbr-found").is_visible()
    found = bad("gradients were **never** cleared: <b>x</b>", fix="Clear them.", code="opt.zero_grad()")
    show(panel, trace, found=watching.live_rows(report(trace, Result("missing-zero-grad", "Cleared", found))))
    assert panel.locator(".nbr-found .nbr-bad").is_visible()
    assert panel.locator(".nbr-found .nbr-say").text_content() == "Gradients were never cleared: <b>x</b>"
    show(panel, trace)
    assert not panel.locator(".nbr-found").is_visible()


def test_after_the_run_heading_and_findings_are_left_to_the_page_around_it(live):
    panel = live(traces.training())
    assert panel.locator(".nbr-head").is_visible()
    panel.evaluate("() => put('state', 'error')")
    assert not panel.locator(".nbr-head").is_visible()
    assert told(panel).endswith("ended by an error")


def test_dragging_on_any_curve_moves_the_cursor_of_all(live):
    panel = live(traces.training(film=None), state="done")
    box = panel.locator("figure svg").last.bounding_box()
    panel.mouse.click(box["x"] + box["width"] / 2, box["y"] + 60)
    step = int(data(panel, "step"))
    assert 150 < step < 270
    ends = [float(line.get_attribute("x1")) for line in panel.locator(".nbr-cursor").all()]
    assert len(ends) == 4
    assert all(end / box["width"] > 0.3 for end in ends)


def test_a_view_that_opens_late_shows_the_same(live):
    panel = live(traces.training())
    panel.evaluate("() => open_view()")
    assert panel.locator(PANEL).count() == 2
    assert panel.locator(".nbr-told").last.text_content() == told(panel)


def test_everything_is_given_back_at_the_end(live):
    panel = live(traces.training())
    panel.evaluate("() => { close_view(); quit(); }")
    assert (panel.evaluate("heard()"), panel.locator(PANEL).count()) == (0, 0)


@pytest.mark.parametrize("width", [420, 700, 1000, 1600])
@pytest.mark.parametrize("make", RUNS.values(), ids=RUNS)
def test_nothing_is_wider_than_the_window(live, make, width):
    panel = live(make(), width=width)
    assert panel.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_names_at_the_ends_of_curves_do_not_touch(live):
    panel = live(traces.training(layers=("a.weight", "b.weight", "c.weight", "d.weight"), film=None))
    for plot in panel.locator("svg.nbr-plot").all():
        places = sorted(float(name.get_attribute("y")) for name in plot.locator(".nbr-name").all())
        assert all(after - before >= 14.9 for before, after in itertools.pairwise(places))


def test_colours_follow_the_theme(live):
    panel = live(traces.training(), color_scheme="light")
    colour = "() => getComputedStyle(document.querySelector('.nbr-curve.nbr-tone1')).stroke"
    light = panel.evaluate(colour)
    panel.emulate_media(color_scheme="dark")
    assert panel.evaluate(colour) != light


@pytest.mark.parametrize("make", RUNS.values(), ids=RUNS)
def test_a_saved_run_scrubs_from_a_file_without_network(saved, make):
    trace = make()
    page = saved(trace)
    assert page.locator(".nbr-shot img").count() == 0
    assert data(page, "charts") == "4"
    if trace.steps > 1:
        last = int(data(page, "step"))
        scrub(page, 0)
        assert int(data(page, "step")) == 0 < last


@pytest.mark.parametrize("kind", [kind for kind in films.ALL if kind != "loss"])
def test_a_saved_run_shows_every_kind_of_prediction(saved, kind):
    page = saved(traces.training(film=kind))
    assert page.locator(".nbr-seen").is_visible()
    assert (data(page, "nframes"), data(page, "kind")) == ("17", kind)


def test_a_huge_run_opens(saved):
    assert data(saved(traces.huge()), "charts") == "4"


def test_without_scripts_the_picture_and_the_findings_stand(tab):
    trace = traces.training()
    result = Result("loss-at-init", "The loss at init is that of a guess", reports.LOSS)
    page = tab(f"<body class='nbr-page'>{snapshot(report(trace, result), trace)}", java_script_enabled=False)
    assert page.locator(".nbr-shot img[alt^='Loss 2.37']").is_visible()
    assert page.locator(".nbr-row .nbr-say").is_visible()
    assert page.locator("button").count() == 0


def test_a_film_and_a_watched_run_stand_in_one_page(tab):
    trace = traces.training()
    page = tab(f"<style>{static('nbr.css')}</style>{drawn.html(films.classes())}{snapshot(report(trace), trace)}")
    page.wait_for_function("document.querySelectorAll('.nbr-film').length === 2")
    scrub(page, 0)
    assert [film.get_attribute("data-step") for film in page.locator(".nbr-film").all()] == ["0", "420"]


@pytest.mark.parametrize("scripts", [True, False])
def test_what_a_model_writes_follows_the_scrubber_and_stands_without_scripts(saved, scripts):
    trace = traces.training(film="tokens")
    last = trace.film.steps[-1]
    trace.film.written = Written(["<b>once</b>"], [" upon a time"], [0, last], [["aaaa"], [" upon a tree"]])
    page = saved(trace, java_script_enabled=scripts)
    shown = page.locator(".nbr-writing")
    assert shown.locator(".nbr-given").first.text_content() == "<b>once</b>"
    assert "upon a tree" in shown.text_content()
    if scripts:
        assert shown.locator(".nbr-right").text_content() == " upon a t"
        assert shown.locator(".nbr-other").text_content() == "ree"
        scrub(page, 0)
        assert shown.locator(".nbr-other").text_content() == "aaaa"
    else:
        assert "aaaa" in shown.text_content()
