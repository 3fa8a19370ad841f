"""The page of an evaluation: what it says at a glance, what it escapes, how large and how wide it gets."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nbrecipe.evaluation.answers import Answers
from nbrecipe.evaluation.confusion import confused
from nbrecipe.pictures.evaluation import (
    Aims,
    Confusions,
    Costly,
    Evaluation,
    Mistaken,
    Part,
    Parts,
    Places,
    Scored,
    Second,
    Trust,
    Trusted,
)
from nbrecipe.render.findings import page
from nbrecipe.render.scores import evaluation as drawn
from nbrecipe.render.scores import still
from nbrecipe.report import Report
from nbrecipe.task import Kind

REPORT = Report("Evaluate `net`", {})
NASTY = '<img src=x onerror="document.title=1">'


def scores(*names, share=True):
    return tuple(Scored(name, 0.91, 0.88, 0.94, "0.91 (0.88 to 0.94)", "Wilson", "of 300 rows", 1, share)
                 for name in names)  # fmt: skip


def part(name, value=0.9, beside="", rows=30):
    return Part(name, rows, value, value - 0.1, value + 0.05, f"{value} ({value - 0.1:.2f} to {value + 0.05:.2f})",
                beside, 31, 0.87)  # fmt: skip


def confusions(names):
    """Every class is found, and the first is often taken for the last."""
    n = len(names)
    core = np.hstack([np.eye(n, dtype=int) * 20, np.zeros((n, 1), int)])
    core[0, n - 1] = 7
    return Confusions(names, (Mistaken(names[0], names[-1], 7, 7 / 27, "7 of 27 rows, 0.3 (0.1 to 0.5)"),), None, 0,
                      names, core)  # fmt: skip


def evaluation(names=("a", "b", "c"), **changes):
    parts = tuple(part(name, 0.5 + 0.4 * i / len(names)) for i, name in enumerate(names))
    bins = tuple(Trusted(k / 10, k / 10 + 0.1, 30, k / 10 + 0.05, k / 10 + 0.02, k / 10, min(1, k / 10 + 0.12), k == 7)
                 for k in range(10))  # fmt: skip
    known = {
        "classes": Parts("class", "accuracy", parts, "Wilson"),
        "confusions": confusions(names[:12]),
        "trust": Trust("probabilities miss", bins, "10 bins", "too sure by 3.0 % in the mean"),
        "model": "net",
        "worst": tuple(Costly(k, "answered `a`, is `b`", 3.2) for k in range(12)),
    }
    return Evaluation("`net` on 300 rows of `val`, in eval mode", scores("accuracy", "macro F1"), **(known | changes))


def html(shown):
    return drawn.html_of(REPORT, shown)


def words(told):
    """What a reader without styles is left with."""
    bare = re.sub(r"<(style|script)>.*?</\1>", "", told, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", bare))


def test_the_headings_say_what_there_is_to_see():
    rows = (part("8", 0.6, "worse than the others, p < 0.0001"), part("3", 0.8),
            part("1", 0.95, "better than the others, p = 0.01"))  # fmt: skip
    told = words(html(evaluation(classes=Parts("class", "accuracy", rows))))
    assert "Accuracy 0.91 (0.88 to 0.94): net on 300 rows of val" in told
    assert "Classes: 8 is worse than the others; 1 is better than the others" in told
    assert "Confusions: a is taken for c most often, 7 times" in told
    assert "Probabilities: too sure by 3.0 % in the mean" in told


def test_only_what_is_worse_beyond_chance_stands_out_and_not_by_colour_alone():
    rows = (
        part("8", 0.6, "worse than the others, p = 0.01"),
        part("3", 0.61),
        part("1", 0.95, "better than the others"),
    )
    made = html(evaluation(classes=Parts("class", "accuracy", rows)))
    assert made.count('class="nbr-one nbr-off"') == 1
    assert "▼ 8" in made
    assert "▼ 3" not in made
    assert "none stands out beyond chance" in html(evaluation())


def test_a_second_model_stands_beside_with_its_test():
    second = Second("accuracy", "old", 0.92, 0.9, 0.95, "0.92 (0.90 to 0.95)", "could be chance, p = 0.62")
    told = words(html(evaluation(seconds=(second,), against=("accuracy: 0.91 against 0.92 (exact McNemar test)",))))
    assert "Metrics: net above old" in told
    assert "0.92 (0.90 to 0.95) could be chance, p = 0.62" in told
    assert "exact McNemar test" in told


def test_a_metric_without_a_scale_has_no_dot_and_a_second_model_gives_it_one():
    loss = Scored("loss", 0.5, 0.4, 0.6, "0.5 (0.4 to 0.6)", "Student's t", "", -1)
    alone = Evaluation("here", (loss,), model="net")
    assert "nbr-at" not in html(alone).split("</style>")[-1]
    assert "0.5 (0.4 to 0.6)" in html(alone)
    second = Second("loss", "old", 0.7, 0.6, 0.8, "0.7 (0.6 to 0.8)", "no chance, p = 0.001")
    both = Evaluation("here", (loss,), model="net", seconds=(second,))
    assert html(both).split("</style>")[-1].count("nbr-at") == 2


def test_names_of_the_user_are_escaped_wherever_they_stand():
    names = (NASTY, "b</td>", "c")
    slices = (Parts(NASTY, "MAE", (part(NASTY, 4.0), part("<b>", 5.0)), "Welch"),)
    second = Second("accuracy", NASTY, 0.92, 0.9, 0.95, "0.92", "could be chance")
    shown = evaluation(names, slices=slices, seconds=(second,), model=NASTY, notes=(NASTY,),
                       worst=(Costly(1, f"answered `{NASTY}`", 1.0),))  # fmt: skip
    made = html(shown)
    assert "<img" not in made
    assert "onerror=&quot;document" in made
    assert "b</td></" not in made


@pytest.mark.parametrize("count", [3, 12, 40])
def test_long_lists_fold_and_the_page_stays_small(count):
    names = tuple(f"a class with a long name, number {k}" for k in range(count))
    made = html(evaluation(names))
    assert len(made.encode()) < 120_000
    assert len(re.findall(r'class="nbr-one( nbr-off)?"', made)) == count
    assert ("more</span>" in made.partition("Confusions")[0]) == (count > 14)


def test_the_whole_page_of_many_points_is_bounded():
    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    counts, edges = np.histogram(x, 21)
    aims = Aims(x, x + 1, "500 of 9,000 rows, drawn with seed 0", counts, edges, "answers are too high", "half of them")
    made = html(Evaluation("here", scores("R²", share=False), aims=aims))
    assert len(made.encode()) < 120_000
    assert "500 of 9,000 rows, drawn with seed 0" in made
    assert made.count("h0") == 500


def test_positions_are_told_and_drawn():
    first = np.arange(1, 9)
    places = Places(
        first, 3 - first / 8, 2.8 - first / 8, 3.2 - first / 8, first * 10, 8, "the first positions cost most"
    )
    made = html(Evaluation("here", scores("token accuracy"), places=places))
    assert "Loss by position<em>: the first positions cost most" in made
    assert 'class="nbr-band"' in made
    assert "mean loss" in drawn.text_of(REPORT, Evaluation("here", (), places=places))


def test_pictures_have_words():
    made = html(evaluation())
    assert 'role="img" aria-label="of 30 answers given 5 %, 2 % came true' in made
    assert '<th scope="row"' in made
    assert "the numbers" in made


def test_a_terminal_is_told_everything_within_its_width():
    names = tuple(f"a class with a long name that goes on and on, number {k}" for k in range(12))
    slices = (Parts("site", "accuracy", (part("x", 0.6, "worse than the others, p = 0.01"), part("y"))),)
    told = drawn.text_of(REPORT, evaluation(names, slices=slices, notes=("`val` leaves out **3** rows",)))
    assert max(map(len, told.splitlines())) <= 88
    for word in ("accuracy", "worse, p = 0.01", "is taken for", "in the mean", "row 11:", "leaves out 3 rows"):
        assert word in told
    assert "`" not in told.replace("`net`", "")
    assert "**" not in told


def test_the_picture_for_papers_holds_the_same():
    figure = still.figure(evaluation())
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["Metrics", "Accuracy by class", "Confusions", "Probabilities"]
    assert {"20", "7"} <= {text.get_text() for text in figure.axes[2].texts}
    assert drawn.png(evaluation(("$x_1$", "b", "c"))).startswith(b"\x89PNG")
    assert drawn.png(Evaluation("here", ())) is None


def test_of_many_classes_the_most_confused_are_drawn_and_no_row_is_lost():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 60, 6000)
    answer = np.where(rng.random(6000) < 0.7, target, rng.integers(0, 60, 6000))
    answer[target == 41] = 17
    right = (answer == target).astype(float)
    found = confused(Answers("net", Kind.CLASSES, np.arange(6000), target, answer, right=right))
    assert found.table is None
    assert {"41", "17"} <= set(found.drawn)
    assert len(found.drawn) == 10
    assert found.core.sum(1).tolist() == [int((target == int(name)).sum()) for name in found.drawn]
    place = found.drawn.index("41")
    assert found.core[place, found.drawn.index("17")] == (target == 41).sum()


def test_of_few_classes_all_are_drawn_as_they_are():
    target, answer = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 2, 0])
    found = confused(Answers("net", Kind.CLASSES, np.arange(5), target, answer, right=(target == answer) * 1.0))
    assert found.drawn == found.names
    assert np.array_equal(found.core[:, :-1], found.table)
    assert not found.core[:, -1].any()


@pytest.mark.browser
@pytest.mark.parametrize("width", [420, 700, 1100])
def test_nothing_leaves_the_page_and_two_columns_where_there_is_room(tab, width):
    names = tuple(f"a-class-with-a-long-name-that-never-breaks-{k}" for k in range(12))
    slices = (Parts("site", "MAE", tuple(part(name, 20.0) for name in names), "Welch"),)
    opened = tab(page.document("t", html(evaluation(names, slices=slices))), width=width)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    outside = opened.evaluate("""() => [...document.querySelectorAll(".nbr-panel *")].filter((one) =>
        !one.closest(".nbr-heated, .nbr-wide, svg, details:not([open])") && one.getBoundingClientRect().width &&
        one.getBoundingClientRect().right > one.closest(".nbr-panel").getBoundingClientRect().right + 1
    ).map((one) => one.className || one.tagName)""")
    assert outside == []
    lefts = opened.evaluate("""() => [...document.querySelectorAll(".nbr-panel")].map((one) =>
        Math.round(one.getBoundingClientRect().left))""")
    assert len(set(lefts)) == (2 if width >= 800 else 1)


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
def test_counts_are_readable_on_their_colours(tab, dark):
    opened = tab(page.document("t", html(evaluation())), color_scheme="dark" if dark else "light")
    least = opened.evaluate("""() => {
        const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
        const rgb = (colours) => {
          canvas.clearRect(0, 0, 1, 1);
          for (const each of colours) { canvas.fillStyle = each; canvas.fillRect(0, 0, 1, 1); }
          return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
        };
        const light = (c) => c.map((v) => v / 255).map((v) => v <= 0.04 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
          .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
        const ground = getComputedStyle(document.body).backgroundColor;
        return Math.min(...[...document.querySelectorAll(".nbr-heat td:not(.nbr-none)")].map((cell) => {
          const style = getComputedStyle(cell);
          const [a, b] = [rgb([ground, style.backgroundColor]), rgb([style.color])].map(light);
          return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        }));
    }""")
    assert least >= 4.5
