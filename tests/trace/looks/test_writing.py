"""A language model writes on by itself from the middle of a batch of the user's choice; any other kind does not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nbrecipe.render.runs import written as drawn
from nbrecipe.trace import watch

SENTENCE = "pack my box with five dozen jugs. "
LETTERS = sorted(set(SENTENCE))
IDS = {letter: i for i, letter in enumerate(LETTERS)}
LENGTH = 24


class Net(nn.Module):
    """Reads letters; both ways where `blind` is false."""

    def __init__(self, ahead: bool = False) -> None:
        super().__init__()
        width = 24 if ahead else 48
        self.table = nn.Embedding(len(LETTERS) + 1, 16)
        self.memory = nn.GRU(16, width, batch_first=True, bidirectional=ahead)
        self.head = nn.Linear(48, len(LETTERS) + 1)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.head(self.memory(self.table(ids))[0])


def rows(count: int, start: int = 0) -> Tensor:
    text = SENTENCE * 40
    return torch.tensor([[IDS[c] for c in text[at : at + LENGTH + 1]] for at in range(start, start + count)])


def trained(net: nn.Module, probe, steps: int = 120, flat: bool = True, **more):
    opt = torch.optim.Adam(net.parameters(), 1e-2)
    with watch({}, probe=probe, **more) as watcher:
        for step in range(steps):
            chosen = rows(32, 7 * step % 100)
            scores, wanted = net(chosen[:, :-1]), chosen[:, 1:]
            given = (scores.flatten(0, 1), wanted.flatten()) if flat else (scores.transpose(1, 2), wanted)
            opt.zero_grad()
            functional.cross_entropy(*given).backward()
            opt.step()
    assert not [note for note in watcher.trace.notes if "bug" in note]
    return watcher.trace.film


def split(batch: Tensor) -> tuple[Tensor, Tensor]:
    return batch[:, :-1], batch[:, 1:]


@pytest.mark.parametrize("flat", [True, False])
def test_what_it_writes_comes_to_be_the_text(flat):
    torch.manual_seed(0)
    film = trained(Net(), split(rows(5, 3)), flat=flat, tokenizer=lambda: IDS)
    seen = film.written
    assert seen.prompts[0] + seen.targets[0] == SENTENCE[3 : 3 + LENGTH]
    assert len(seen.prompts) == 3
    assert seen.steps[0] == 0
    assert seen.steps[-1] == 120
    assert seen.texts[0] != seen.targets
    assert seen.texts[-1] == seen.targets
    assert (film.guesses[-1] == film.targets).mean() > 0.9
    assert film.names[IDS["c"]] == "c"


def test_as_many_texts_as_places_are_not_cut():
    torch.manual_seed(0)
    seen = trained(Net(), split(rows(LENGTH)), 40).written
    assert len(seen.prompts) == 3


def test_without_a_tokenizer_ids_stand_there():
    seen = trained(Net(), split(rows(2)), 2).written
    assert seen.prompts[0].split()[:3] == [str(IDS[c]) for c in "pac"]


def test_a_text_ends_where_its_padding_begins():
    batch = rows(2)
    inputs, wanted = split(batch)
    inputs, wanted = inputs.clone(), wanted.clone()
    inputs[1, 10:], wanted[1, 9:] = len(LETTERS), -100
    seen = trained(Net(), (inputs, wanted), 2, tokenizer=lambda: IDS).written
    assert seen.prompts[1] + seen.targets[1] == SENTENCE[1:11]


def test_nothing_is_written_on_the_users_own_batch_nor_by_a_model_that_looks_ahead():
    assert trained(Net(), None, 2).written is None
    assert trained(Net(ahead=True), split(rows(4)), 2).written is None


def test_nothing_is_written_where_targets_are_not_the_next_token():
    net, opt = Net(), None
    opt = torch.optim.Adam(net.parameters())
    ids = rows(8)[:, :-1]
    with watch({}, probe=(ids, ids % 3)) as watcher:
        functional.cross_entropy(net(ids).flatten(0, 1), (ids % 3).flatten()).backward()
        opt.step()
    assert watcher.trace.film.written is None
    assert not watcher.trace.notes


def test_training_goes_as_it_would_without_and_the_tokenizer_may_fail():
    class Broken:
        def encode(self, text):
            raise RuntimeError

        def decode(self, ids):
            raise RuntimeError("no such id")

    ends = []
    for probe in (None, split(rows(3))):
        torch.manual_seed(1)
        net = Net()
        trained(net, probe, 20, tokenizer=Broken)
        ends.append(torch.cat([p.detach().flatten() for p in net.parameters()]))
    assert torch.equal(*ends)


def test_it_is_told_in_lines_and_in_a_table_that_runs_nothing():
    film = trained(Net(), split(rows(2)), 2, tokenizer=lambda: {f"<{c}>": i for c, i in IDS.items()})
    assert drawn.state(film)["steps"][-1] == 2
    assert "&lt;p&gt;" in drawn.html_of(film)
    assert "<p>" not in drawn.html_of(film)
    assert len(drawn.lines_of(film)) == 6
    film.written = None
    assert (drawn.state(film), drawn.html_of(film), drawn.lines_of(film)) == (None, "", [])


class OwnLoss(Net):
    """Takes labels as they stand, and shifts them itself."""

    def forward(self, ids: Tensor, labels: Tensor) -> dict[str, Tensor]:
        scores = super().forward(ids)
        wanted = functional.pad(labels, (0, 1), value=-100)[:, 1:]
        return {"loss": functional.cross_entropy(scores.flatten(0, 1), wanted.flatten()), "logits": scores}


def test_labels_that_the_model_shifts_itself_are_shifted_for_the_batch_given_too():
    torch.manual_seed(0)
    net = OwnLoss()
    opt = torch.optim.Adam(net.parameters(), 1e-2)
    chosen = rows(3)
    with watch({}, probe={"ids": chosen, "labels": chosen}) as watcher:
        for step in range(60):
            ids = rows(32, 7 * step % 100)
            opt.zero_grad()
            net(ids=ids, labels=ids)["loss"].backward()
            opt.step()
    film = watcher.trace.film
    assert (film.targets[:, :-1] == chosen[:, 1:].numpy()).all()
    assert film.written.texts[-1] == film.written.targets


def test_a_loop_that_cuts_scores_and_labels_itself_is_followed_on_a_batch_of_another_size():
    torch.manual_seed(0)
    net = Net()
    opt = torch.optim.Adam(net.parameters(), 1e-2)
    chosen = rows(3)
    with watch({}, probe={"ids": chosen, "labels": chosen}) as watcher:
        for step in range(60):
            batch = rows(32, 7 * step % 100)
            scores = net(batch)[:, :-1].transpose(1, 2)
            opt.zero_grad()
            functional.cross_entropy(scores, batch[:, 1:]).backward()
            opt.step()
    film = watcher.trace.film
    assert (film.targets == chosen[:, 1:].numpy()).all()
    assert (film.guesses[-1] == film.targets).mean() > 0.8
    assert film.written.texts[-1] == film.written.targets


def test_a_batch_without_an_input_of_the_model_is_said():
    net = Net()
    with watch({}, probe={"one": rows(2), "two": rows(2), "labels": rows(2)}) as watcher:
        batch = rows(4)
        functional.cross_entropy(net(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten()).backward()
    (note,) = [note for note in watcher.trace.notes if "predictions" in note]
    assert "the batch given has one, two, labels, none of them an input of the model" in note
