"""The panel alone in a browser: live messages, scrubbing, stopping, themes, widths; and the saved snapshot offline."""

import base64

import films
import numpy as np
import pytest
import reports
from fronts import widget_page

from nbrecipe.render.findings import html, page
from nbrecipe.render.pieces.fragment import static
from nbrecipe.render.runs import film as drawn

pytestmark = pytest.mark.browser
KINDS = pytest.mark.parametrize("make", films.ALL.values(), ids=films.ALL)
PANEL = ".nbr-film"


def b64(values, kind):
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode()


@pytest.fixture
def live(tab):
    """The panel with a model that the test plays the kernel of."""

    def go(film=None, **settings):
        panel = tab(widget_page(drawn.module(), static("nbr.css")), **settings)
        panel.wait_for_function("window.ready")
        if film is not None:
            fill(panel, film)
        return panel

    return go


def fill(panel, film, **state):
    panel.evaluate("film => put('film', film)", {**drawn.state(film), **state})
    for name, data in drawn.buffers(film).items():
        panel.evaluate("([name, text]) => bytes(name, text)", [name, base64.b64encode(data).decode()])


def data(panel, name):
    return panel.locator(PANEL).first.get_attribute(f"data-{name}")


def told(panel):
    return panel.locator(".nbr-told").first.text_content()


def scrub(panel, at):
    panel.locator("input[type=range]").first.evaluate(
        "(slider, at) => { slider.value = at; slider.dispatchEvent(new Event('input')); }", at
    )


def test_frames_that_come_during_a_run_are_drawn_and_followed(live):
    panel, film = live(), films.classes()
    panel.evaluate("film => { put('run', 1); put('state', 'running'); put('film', film); }",
                   {**drawn.state(film), "steps": [], "losses": [], "total": 500})  # fmt: skip
    for i, step in enumerate(film.steps[:5]):
        buffers = [b64(film.frames[i], "<f4"), b64(film.guesses[i], "<i4")]
        message = {"kind": "frame", "step": step, "losses": film.losses[: step + 1]}
        panel.evaluate("([message, buffers]) => tell(message, buffers)", [message, buffers])
    assert (data(panel, "nframes"), data(panel, "step"), data(panel, "state")) == ("5", "10", "running")
    assert told(panel).startswith("step 10 of 500 · loss ")
    assert panel.locator(".nbr-stop").is_visible()


def test_scrubbing_back_stays_while_frames_come(live):
    panel, film = live(films.classes()), films.classes()
    scrub(panel, 3)
    assert data(panel, "step") == "7"
    panel.evaluate(
        "([m, b]) => tell(m, b)", [{"kind": "frame", "step": 200, "losses": []}, [b64(film.frames[0], "<f4")]]
    )
    assert (data(panel, "step"), data(panel, "nframes")) == ("7", "18")


def test_traits_fill_a_view_that_opens_late_and_live_frames_go_on_after_them(live):
    panel = live(films.classes())
    assert (data(panel, "nframes"), data(panel, "step"), data(panel, "kind")) == ("17", "120", "classes")
    panel.evaluate("() => open_view()")
    assert panel.locator(PANEL).count() == 2
    assert panel.locator(".nbr-told").last.text_content() == "step 120 of 120 · loss 0.00971 · 15 of 16 aligned"


def test_another_run_starts_anew(live):
    panel = live(films.classes())
    panel.evaluate("film => { put('frames', new DataView(new ArrayBuffer(0))); put('film', film); put('run', 2); }",
                   {**drawn.state(films.classes()), "steps": [], "losses": []})  # fmt: skip
    assert data(panel, "nframes") == "0"


def test_stop_sends_its_run_and_interrupts_a_kernel_that_does_not_hear(live):
    panel = live(films.classes())
    panel.evaluate("() => { put('run', 7); put('state', 'running'); }")
    panel.click(".nbr-stop")
    assert panel.evaluate("sent") == [{"kind": "stop", "run": 7}]
    panel.wait_for_function("interrupts === 1")
    panel.evaluate("() => put('state', 'stopped')")
    assert not panel.locator(".nbr-stop").is_visible()
    assert told(panel).endswith("stopped")


def test_stop_does_not_interrupt_a_kernel_that_hears(live):
    panel = live(films.classes())
    panel.evaluate("() => put('state', 'running')")
    panel.click(".nbr-stop")
    panel.evaluate("() => put('state', 'stopping')")
    panel.wait_for_timeout(500)
    assert panel.evaluate("interrupts") == 0
    assert panel.locator(".nbr-stop").is_disabled()


def test_play_runs_from_the_start_to_the_end(live):
    panel = live(films.classes())
    panel.click(".nbr-play")
    assert panel.locator(".nbr-play").get_attribute("aria-label") == "pause"
    assert int(data(panel, "step")) < 60
    panel.evaluate("() => { document.querySelector('input').value = 15; }")
    panel.wait_for_function("document.querySelector('.nbr-film').dataset.step === '120'")
    panel.wait_for_function("document.querySelector('.nbr-play').ariaLabel === 'play'")


def test_arrow_keys_move_by_one_frame(live):
    panel = live(films.classes())
    panel.focus("input[type=range]")
    panel.keyboard.press("ArrowLeft")
    assert data(panel, "step") == "108"
    assert panel.locator("input").get_attribute("aria-label") == "training step"
    assert panel.locator("input").get_attribute("aria-valuetext") == told(panel)


def test_dragging_on_the_losses_scrubs(live):
    panel = live(films.classes())
    box = panel.locator("figure svg").first.bounding_box()
    panel.mouse.click(box["x"] + box["width"] / 2, box["y"] + 80)
    assert 40 <= int(data(panel, "step")) <= 73


def test_everything_is_given_back_at_the_end(live):
    panel = live(films.classes())
    panel.evaluate("() => { close_view(); quit(); }")
    assert panel.evaluate("heard()") == 0
    assert panel.locator(PANEL).count() == 0


def test_a_wrong_guess_is_named_and_hollow(live):
    panel = live(films.classes())
    assert panel.locator("text.nbr-said").all_text_contents() == ["→ 3"]
    assert panel.locator("circle.nbr-wrong").count() == 1


def test_a_label_may_be_told_by_the_number_or_the_name_of_its_class(live):
    film = films.classes(refuses=None)
    film.names = {i: f"class {i}" for i in range(10)}
    film.labels[1] = "class 7"
    assert told(live(film)).endswith("16 of 16 aligned")


def test_losses_that_are_negative_or_no_numbers_are_drawn(live):
    film = films.loss_only()
    film.losses = [(0, 1.0), (1, float("nan")), (2, -2.0), (3, -3.5)]
    film.expected = film.floor = None
    panel = live(film)
    assert panel.locator("figcaption").first.text_content() == "Loss per step"
    assert "NaN" not in panel.locator(".nbr-curve").get_attribute("d")
    assert told(panel) == "step 3 of 3 · loss -3.5"


def test_text_of_the_user_is_never_markup(live):
    panel = live(films.tokens())
    assert panel.locator(".nbr-token").filter(has_text="·<b>fun</b>").count() == 1
    assert panel.locator(".nbr-token b").count() == 0
    scrub(panel, 1)
    assert panel.locator(".nbr-missed s").count() > 0


@pytest.mark.parametrize(("width", "columns"), [(600, 1), (800, 2), (1600, 2)])
def test_the_two_pictures_stand_side_by_side_where_there_is_room(live, width, columns):
    panel = live(films.classes(), width=width)
    tops = {round(box["y"]) for figure in panel.locator("figure").all() if (box := figure.bounding_box())}
    assert len(tops) == 3 - columns
    assert panel.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_colours_follow_the_theme_while_it_is_open(live):
    panel = live(films.classes(), color_scheme="light")
    colour = "() => getComputedStyle(document.querySelector('.nbr-curve')).stroke"
    light = panel.evaluate(colour)
    panel.emulate_media(color_scheme="dark")
    assert panel.evaluate(colour) != light


@pytest.mark.parametrize("dark", ["<body data-jp-theme-light='false'>", "<body class='vscode-dark'>"])
def test_a_dark_host_makes_it_dark_and_the_systems_wish_does_not(tab, dark):
    colours = []
    for host, scheme in (("<body data-jp-theme-light='true'>", "dark"), (dark, "light")):
        opened = tab(host + html.findings(reports.init()), color_scheme=scheme)
        colours.append(opened.evaluate("() => getComputedStyle(document.querySelector('.nbr-bad')).color"))
    assert colours == ["rgb(196, 62, 11)", "rgb(235, 140, 92)"]


@KINDS
def test_a_saved_run_scrubs_from_a_file_without_network(tab, make):
    saved = tab(f"<body class='nbr-page'><style>{static('nbr.css')}</style>{drawn.html(make())}")
    saved.wait_for_selector(PANEL)
    assert saved.locator("img").count() == 0
    last = data(saved, "step")
    scrub(saved, 0)
    assert (last, data(saved, "step")) == ("120", "0")
    assert told(saved).startswith("step 0 of 120 · loss ")


def test_a_saved_run_shows_the_numbers_of_the_run(tab):
    film = films.regression()
    saved = tab(drawn.html(film))
    saved.wait_for_selector(PANEL)
    assert told(saved) == "step 120 of 120 · loss 0.0605 · 15 of 16 aligned"


def test_without_scripts_the_picture_stands_and_no_dead_button(tab):
    saved = tab(page.page(reports.overfit()), java_script_enabled=False)
    assert saved.locator("img[alt^='Loss from']").is_visible()
    assert saved.locator("button").count() == 0
    assert saved.locator("summary").count() == 6


def test_two_saved_runs_in_one_page_scrub_apart(tab):
    saved = tab(drawn.html(films.classes()) + drawn.html(films.regression()))
    saved.wait_for_function("document.querySelectorAll('.nbr-film').length === 2")
    scrub(saved, 0)
    assert [film.get_attribute("data-step") for film in saved.locator(PANEL).all()] == ["0", "120"]


def test_a_copy_button_copies_the_lines(tab):
    told_page = tab(html.findings(reports.init()), permissions=[])
    told_page.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }")
    told_page.locator(".nbr-code .nbr-button").first.click()
    assert told_page.evaluate("copied") == "nn.init.zeros_(net.head.weight)"
    assert told_page.locator(".nbr-code .nbr-button").first.text_content() == "copied"


@pytest.mark.parametrize("width", [600, 1000, 1600])
def test_no_page_is_wider_than_its_window(tab, width):
    opened = tab(page.page(reports.init().add(reports.overfit())), width=width)
    opened.wait_for_selector(PANEL)
    opened.evaluate("() => document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
