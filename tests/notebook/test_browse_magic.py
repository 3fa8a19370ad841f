"""`%browse`: what it finds, what it returns, what it refuses in one sentence; the wire that a page asks through."""

import pytest
from IPython.utils.capture import capture_output
from shells import CLASSIFIER, do, refused

from nbrecipe.notebook import completion

wire = pytest.importorskip("nbrecipe.notebook.wire")

CELL = (
    CLASSIFIER
    + """
rows = [("a fine film", "pos"), ("a dull film", "neg")] * 30
table = {"age": x[:, 0], "sold": y}
"""
)


def test_loaders_are_found_by_themselves_and_expressions_are_taken(notebook):
    answer, said = do(notebook, "%browse")
    assert str(answer).startswith("Browse `train_dl`: ")
    assert "net is here: with --model net come its losses and mistakes, the worst first" in " ".join(
        str(answer).split()
    )
    assert said.outputs or said.stdout
    answer, _ = do(notebook, '%browse table --labels sold --filter "age > 0 and label == 2" --sort age --descending')
    assert answer.ask.descending
    ages = [float(answer.columns["age"][row]) for row in answer.rows(answer.ask.filter, sort="age", descending=True)]
    assert ages == sorted(ages, reverse=True)
    assert min(ages) > 0


def test_tags_come_back_from_what_is_returned(notebook):
    answer, _ = do(notebook, "%browse rows --rows 10 -q -o kept")
    assert len(answer.browsing.table) == 10
    answer.browsing.answer({"ask": "tag", "row": 3, "tag": "dull indeed", "on": True})
    assert notebook.user_ns["kept"].tags == {3: ["dull indeed"]}


def test_a_model_judges_every_row(notebook):
    answer, _ = do(notebook, "%browse --model net")
    assert {"loss", "prediction", "wrong"} <= set(answer.columns)
    assert answer.ask.sort == "loss"
    assert "`net`, in eval mode" in answer._shown(3).notes[0]


def test_what_cannot_be_browsed_is_refused_in_one_sentence(notebook):
    assert refused(notebook, "%browse trian_dl") == "there is no `trian_dl` here; did you mean `train_dl`?"
    assert refused(notebook, "%browse 5").startswith("`5` is of type int; what can be read is a Dataset")
    assert refused(notebook, "%browse x --rows 0") == "--rows is a number of rows, 1 or more; 0 was given"
    assert refused(notebook, "%browse x --model y").startswith("`y` is of type Tensor; model takes")
    told = refused(notebook, '%browse table --filter "agee > 3"')
    assert told == "there is no column `agee`; did you mean `age`?"


def test_its_flags_and_data_are_completed_and_told(notebook):
    magics = next(thing for thing in notebook.configurables if type(thing).__name__ == "RecipeMagics")
    assert {"--filter", "--sort", "--labels", "--rows", "--model"} <= set(
        completion.complete(notebook, magics, "%browse --")[1]
    )
    assert "train_dl" in completion.complete(notebook, magics, "%browse tr")[1]
    assert "scroll, search, filter, sort and tag" in type(magics).browse.__doc__


@pytest.fixture
def live(notebook, monkeypatch):
    """The magic in a shell that shows widgets: its answer, and what the wire has sent."""
    sent, updates = [], []
    monkeypatch.setattr("nbrecipe.notebook.live.can_show", lambda shell: True)
    monkeypatch.setattr(wire.Wire, "send", lambda self, content: sent.append(content))
    monkeypatch.setattr("IPython.display.DisplayHandle.update", lambda self, data, **more: updates.append(data))
    with capture_output() as said:
        result = notebook.run_cell("%browse rows", store_history=True)
    result.raise_error()
    yield result.result, sent, updates, said
    while wire.WIRES:
        wire.WIRES.pop().close()


def ask(kind="browse", **more):
    content = {"kind": kind, "number": 5, **more}
    wire.WIRES[-1]._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def test_the_page_is_shown_once_and_asks_through_the_wire(live):
    answer, sent, updates, said = live
    assert answer.wire == wire.WIRES[-1].name
    pages = [output for output in said.outputs if "nbr-browse" in output.data.get("text/html", "")]
    assert len(pages) == 1
    assert not any("application/vnd.jupyter.widget-view+json" in output.data for output in said.outputs)
    ask(ask="rows", search="dull", **{"from": 0, "to": 2})
    assert [card["row"] for card in sent[0]["cards"]] == [1, 3]
    assert sent[0]["number"] == 5
    ask(ask="tag", row=3, tag="odd", on=True)
    assert answer.tags == {3: ["odd"]}
    assert "odd: row 3" in updates[-1]["text/plain"], "the line beneath the page follows"
    ask(ask="unknown")
    ask(kind="batch")
    assert len(sent) == 2


def test_a_path_is_browsed_as_it_stands(notebook, tmp_path):
    (tmp_path / "towns.csv").write_text("age,city\n30,Rome\n41,Oslo\n")
    seen, _ = do(notebook, f"%browse {tmp_path / 'towns.csv'} --sort age --descending")
    assert "row 1 · age 41, city Oslo" in str(seen)
