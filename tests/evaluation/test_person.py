"""A person among those that answer: which rows are asked, what the file keeps, what the answers are worth."""

from __future__ import annotations

import json
import multiprocessing
import os

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import nbrecipe
from nbrecipe.batches import BadInput
from nbrecipe.evaluation.person.deck import GAP, Question
from nbrecipe.evaluation.person.sheet import read
from nbrecipe.twins.scores.asking import keys_of
from nbrecipe.twins.scores.human_baseline import compare_people

DRAWS = np.random.default_rng(0)
IMAGES = DRAWS.integers(0, 255, (80, 8, 8), dtype=np.uint8)
LABELS = DRAWS.integers(0, 4, 80)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(data=(IMAGES, LABELS), **more):
    return nbrecipe.human_baseline(data, **{"n": 20, **more})


def truth_of(me):
    return me.asking.deck.truth


def answer_all(me, wrong=(), again_wrong=()):
    for question in list(me.asking.sheet.open(me.asking.deck)):
        value = truth_of(me)[question.row]
        off = question.row in (again_wrong if question.turn else wrong)
        me.answer(question.row, (value + 1) % 4 if off else value, turn=question.turn)


def test_the_rows_are_drawn_at_random_and_anyone_can_draw_them_again():
    one, other, third = asked(file="a.jsonl"), asked(file="b.jsonl"), asked(file="c.jsonl", seed=1)
    assert one.asking.deck.questions == other.asking.deck.questions
    assert one.asking.deck.questions != third.asking.deck.questions
    rows = [question.row for question in one.asking.deck.questions]
    assert len(set(rows)) == 20
    assert rows != sorted(rows)
    assert all(truth_of(one)[row] == LABELS[row] for row in rows)


def test_a_card_that_comes_again_comes_later():
    deck = asked(twice=6).asking.deck
    first = {question.row: place for place, question in enumerate(deck.questions) if question.turn == 0}
    second = {question.row: place for place, question in enumerate(deck.questions) if question.turn == 1}
    assert len(second) == 6
    assert all(second[row] - first[row] > GAP for row in second)
    assert sum(question.turn for question in asked(twice=True, file="b.jsonl").asking.deck.questions) == 4


def test_answers_are_kept_card_by_card_and_a_later_call_goes_on():
    me = asked()
    row = me.asking.deck.questions[0].row
    me.answer(row, truth_of(me)[row])
    later = asked()
    assert later.asking.done == 1
    assert later.asking.sheet.open(later.asking.deck) == list(me.asking.deck.questions[1:])
    answer_all(later)
    assert later.answers.right.sum() == len(later.answers) == 20
    assert "20 of 20 cards answered as their label says" in str(later)
    more = asked(n=30)
    assert more.asking.done == 20, "the first twenty of thirty are the same"


def test_the_last_answer_can_be_taken_back_and_the_one_before():
    me = asked()
    first, second = (question.row for question in me.asking.deck.questions[:2])
    me.answer(first, truth_of(me)[first])
    me.answer(second, truth_of(me)[second])
    page = me.asking.answer({"ask": "undo"})
    assert (page["done"], page["row"]) == (1, second)
    assert asked().asking.done == 1
    assert me.asking.answer({"ask": "undo"})["done"] == 0
    assert me.asking.answer({"ask": "undo"})["done"] == 0
    assert [json.loads(line).get("undone") for line in me.asking.sheet.path.read_text().splitlines()[1:]] == [
        None, None, True, True,
    ]  # fmt: skip


def _answers_and_dies(place):
    os.chdir(place)
    me = asked()
    for question in me.asking.deck.questions[:7]:
        me.answer(question.row, truth_of(me)[question.row])
    os._exit(9)  # as a kernel that is killed: nothing is closed, nothing is flushed


def test_a_kernel_that_is_killed_loses_nothing(folder):
    process = multiprocessing.get_context("fork").Process(target=_answers_and_dies, args=(folder,))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert asked().asking.done == 7


def test_a_line_that_was_torn_off_is_left_out_and_what_follows_is_kept():
    me = asked()
    for question in me.asking.deck.questions[:3]:
        me.answer(question.row, truth_of(me)[question.row])
    path = me.asking.sheet.path
    path.write_bytes(path.read_bytes()[:-9])
    again = asked()
    assert again.asking.done == 2
    answer_all(again)
    assert len(read(path).given) == 20


def test_what_they_are_worth_is_counted_by_hand():
    me = asked(twice=5)
    rows = [question.row for question in me.asking.deck.questions if question.turn == 0]
    twice = [question.row for question in me.asking.deck.questions if question.turn == 1]
    answer_all(me, wrong=rows[:4], again_wrong=[row for row in twice if row not in rows[:4]][:1])
    assert me.answers.right.sum() == 16
    assert sorted(me.disagreements) == sorted(rows[:4])
    apart = len([row for row in twice if row in rows[:4]]) + 1
    assert len(me.agreement.apart) == apart
    assert me.agreement.share == pytest.approx(1 - apart / 5)
    assert -1 <= me.agreement.kappa <= 1
    told = str(me)
    assert "16 of 20 cards" in told
    assert "5 cards came twice" in told
    assert "Cohen's kappa" in told


def test_two_people_agree_as_far_as_they_do():
    ana, ben = asked(by="Ana"), asked(by="Ben")
    rows = [question.row for question in ana.asking.deck.questions]
    answer_all(ana)
    answer_all(ben, wrong=rows[:5])
    assert ana.asking.sheet.path.name == "human_val_data_ana.jsonl"
    told = str(compare_people(ana.asking.sheet.path, ben.asking.sheet.path))
    assert "20 cards both answered: they gave the same answer to 15" in told
    other = asked((IMAGES[:40], LABELS[:40]), file="other.jsonl")
    answer_all(other)
    with pytest.raises(BadInput, match=r"holds answers to `val_data` and .* to other data"):
        compare_people(ana.asking.sheet.path, other.asking.sheet.path)


def test_numbers_are_asked_and_their_distance_told():
    table = DRAWS.normal(size=(60, 3))
    me = asked((table, table.sum(1)), n=10)
    for question in me.asking.deck.questions:
        me.answer(question.row, truth_of(me)[question.row] + 0.5)
    assert np.abs(me.answers.answer - me.answers.target) == pytest.approx(0.5)
    assert "Mean absolute error 0.500" in str(me)
    assert me.asking.asked().range.startswith("between ")
    with pytest.raises(BadInput, match="an answer is a number; 'much' is none"):
        me.answer(me.asking.deck.questions[0].row, "much")


def test_several_yes_or_no_are_right_where_all_of_them_are():
    flags = (DRAWS.random((60, 3)) < 0.5).astype(np.int64)
    flags[:2] = [[1, 1, 0], [0, 0, 1]]
    me = asked(TensorDataset(torch.rand(60, 4), torch.as_tensor(flags)), n=10)
    for place, question in enumerate(me.asking.deck.questions):
        held = truth_of(me)[question.row]
        me.answer(question.row, held if place else [one for one in range(3) if one not in held])
    assert me.answers.right.sum() == 27, "nine cards of three labels"
    assert "**9** of 10 cards" in str(me) or "9 of 10 cards" in str(me)
    with pytest.raises(BadInput, match="a list of labels that hold"):
        me.answer(me.asking.deck.questions[0].row, [7])


def test_texts_with_names_are_asked_by_their_names():
    texts = [f"text number {i}, long enough to be read by a person" for i in range(40)]
    me = asked([(text, "good" if i % 3 else "bad") for i, text in enumerate(texts)], n=5)
    page = me.asking.answer({"ask": "card"})
    assert "text number" in page["html"]
    assert "good" not in page["html"]
    assert me.asking.asked().choices == (("bad", "bad", "1"), ("good", "good", "2"))
    row = me.asking.deck.questions[0].row
    answered = me.asking.answer({"ask": "answer", "row": row, "turn": 0, "answer": "good", "seconds": 1.5})
    assert answered["done"] == 1
    refused = me.asking.answer({"ask": "answer", "row": row, "turn": 0, "answer": "<b>", "seconds": 1.5})
    assert refused == {"refused": "'<b>' is none of the classes that can be answered."}


def test_the_label_stands_on_no_card_and_the_data_stay_as_they_are():
    labels = LABELS.copy()
    state = np.random.get_state()[1].copy(), torch.get_rng_state()
    me = asked((IMAGES, labels))
    page = me.asking.answer({"ask": "card"})
    assert "nbr-label" not in page["html"]
    assert (labels == LABELS).all()
    assert (np.random.get_state()[1] == state[0]).all()
    assert torch.equal(torch.get_rng_state(), state[1])


def test_rows_that_cannot_be_read_or_have_no_label_are_not_asked():
    class Torn:
        def __len__(self):
            return 60

        def __getitem__(self, row):
            if row % 3 == 0:
                raise OSError("torn")
            return IMAGES[row], -1 if row % 3 == 1 else int(LABELS[row])

    me = asked(Torn(), n=15)
    assert len(me.asking.deck.questions) == 15
    assert all(question.row % 3 == 2 for question in me.asking.deck.questions)


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (["0", "1", "2"], ["0", "1", "2"]),
        (["A", "B"], ["a", "b"]),
        (["cat", "dog"], ["1", "2"]),
        (["a", "A"], ["1", "2"]),
        ([f"class {i}" for i in range(11)], [""] * 11),
    ],
)
def test_keys(names, keys):
    assert keys_of(names) == keys


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"n": 0}, "`n` is a number of cards, 1 or more; 0 was given"),
        ({"twice": 21}, "`twice` is how many of the 20 cards come again; 21 was given"),
        ({"seconds": 0}, "`seconds` is how long a card is shown, more than 0; 0 was given"),
        ({"data": (IMAGES, np.zeros(80, np.int64))}, "every row has the label 0: there is nothing to tell apart"),
        ({"data": IMAGES}, "`val_data` has no column that is known to be the label: name it, `--labels NAME`"),
        (
            {"data": (IMAGES, IMAGES > 99)},
            "a person is asked for classes and numbers; the label `label` of `val_data` is mask",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(more, told):
    with pytest.raises(BadInput) as raised:
        asked(**more)
    assert str(raised.value) == told


def test_only_an_answer_makes_a_file(folder):
    me = asked(file="deep/er/me.jsonl")
    assert not (folder / "deep").exists()
    row = me.asking.deck.questions[0].row
    me.answer(row, truth_of(me)[row])
    assert len(me.asking.sheet.path.read_text().splitlines()) == 2


def test_the_file_of_other_data_is_left_alone(folder):
    answer_all(asked())
    with pytest.raises(BadInput, match=r"holds answers to other data \(val_data, .*: name another file"):
        asked((IMAGES[:50], LABELS[:50]))
    (folder / "notes.txt").write_text("mine\n")
    with pytest.raises(BadInput, match=r"`notes\.txt` holds no answers of `%human_baseline`"):
        asked(file="notes.txt")
    assert (folder / "notes.txt").read_text() == "mine\n"


def test_a_question_that_was_not_asked_is_refused():
    me = asked()
    with pytest.raises(BadInput, match="row 79000 is not among the 20 cards"):
        me.answer(79000, 1)
    assert me.asking.answer({"ask": "what"}) is None
    assert "refused" in me.asking.answer({"ask": "answer", "row": "x"})
    assert Question(79000) not in me.asking.sheet.answers


def test_the_model_answers_the_same_cards():
    images = torch.as_tensor(IMAGES).float().flatten(1)
    known = {row.tobytes(): int(label) for row, label in zip(images.numpy(), LABELS, strict=True)}

    class Oracle(torch.nn.Module):
        def forward(self, x):
            right = torch.tensor([known[row.tobytes()] for row in x.numpy()])
            return torch.nn.functional.one_hot(torch.where(x[:, 0] > 200, (right + 1) % 4, right), 4) * 9.0

    data = TensorDataset(images, torch.as_tensor(LABELS))
    me = asked(data, model=Oracle(), loss=torch.nn.CrossEntropyLoss())
    assert "model" not in str(me), "who sees the model's answers first answers by them"
    rows = [question.row for question in me.asking.deck.questions]
    answer_all(me, wrong=rows[:2])
    wrong = sum(int(images[row, 0]) > 200 for row in rows)
    line = next(line for line in str(me).splitlines() if line.strip().startswith("model"))
    assert f"{1 - wrong / 20:.1f}" in line
    assert "p = " in line


def test_of_several_labels_everyone_is_judged_by_the_labels():
    flags = torch.as_tensor(DRAWS.random((60, 3)) < 0.5).float()
    x = torch.cat([flags, torch.rand(60, 2)], 1)
    net = torch.nn.Linear(5, 3)
    with torch.no_grad():
        net.weight.copy_(9 * torch.eye(3, 5))
        net.bias.fill_(-4.5)
        net.weight[2] = 0.0  # the third label is always answered with no
    me = asked(TensorDataset(x[:40], flags[:40]), n=10, train_data=TensorDataset(x[40:], flags[40:]), model=net,
               loss=torch.nn.BCEWithLogitsLoss())  # fmt: skip
    for question in me.asking.deck.questions:
        me.answer(question.row, truth_of(me)[question.row])
    rows = [question.row for question in me.asking.deck.questions]
    right = float((2 + (1 - flags[rows, 2])).sum()) / 30
    lines = {line.split("  ")[1].strip(): line for line in str(me).splitlines() if line.startswith("  ")}
    assert "Share of labels answered right" in str(me)
    assert f"{right:.2f}"[:3] in lines["model"]
    assert "0.5" in lines["uniform"]
    values = [one.value for one in me._outcome().standings.rows if one.value is not None]
    assert all(0 <= value <= 1 for value in values), values
    assert values[1] == pytest.approx(right)


def test_baselines_stand_beside_the_person_and_the_person_on_the_ladder(folder):
    x = torch.as_tensor(IMAGES).float().flatten(1)
    x[:, 0] = torch.as_tensor(LABELS) * 900.0  # what a linear model and neighbours can see
    data = TensorDataset(x[:40], torch.as_tensor(LABELS[:40]))
    train = TensorDataset(x[40:], torch.as_tensor(LABELS[40:]))
    me = asked(data, train_data=train, by="Ana")
    rows = [question.row for question in me.asking.deck.questions]
    answer_all(me, wrong=rows[:5])
    told = str(me)
    assert "nearest neighbour" in told
    assert "corrected after Holm" in told
    ladder = nbrecipe.baseline(train, data)
    assert ladder.scores["Ana"] == 0.75
    assert "a person, by hand: 20 of the rows" in str(ladder)
    other = nbrecipe.baseline(train, TensorDataset(x[:39], torch.as_tensor(LABELS[:39])))
    assert "Ana" not in other.scores, "these are other data"
