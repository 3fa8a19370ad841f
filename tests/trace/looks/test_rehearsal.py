"""Predictions on a fixed batch are followed on a copy; the user's model is never asked."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.film import MAX_FRAMES, Kind
from nbrecipe.trace import Watcher, watch


def trained(given: Bench, epochs: int = 4, **more: object) -> Watcher:
    net, opt, loss_fn = given.model, given.optimizer, given.loss_fn
    with watch({}, **more) as watcher:
        for x, y in toys.batches(given, epochs):
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()
    return watcher


@pytest.mark.parametrize(
    ("make", "kind", "shape"),
    [
        (toys.classify, Kind.CLASSES, (64,)),
        (toys.images, Kind.CLASSES, (64,)),
        (toys.regress, Kind.REGRESSION, (64, 1)),
        (toys.binary, Kind.CLASSES, (64,)),
        (toys.next_token, Kind.TOKENS, (8, 16)),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_frames_show_what_the_model_says_in_eval_mode(make, kind, shape):
    given = make()
    film = trained(given).trace.film
    assert film.kind is kind
    assert film.frames[0].shape == shape
    assert film.steps[0] == 0
    assert film.steps == sorted(set(film.steps))
    given.model.eval()
    with torch.no_grad():
        scores = given.model(given.batch[0])
    if kind is Kind.REGRESSION:
        assert torch.equal(scores, torch.tensor(film.frames[-1]))
    elif make is toys.classify:
        said = scores.softmax(1)[range(64), given.batch[1]]
        assert torch.allclose(said, torch.tensor(film.frames[-1]))
        assert scores.argmax(1).tolist() == film.guesses[-1].tolist()


def test_the_batch_of_the_users_choice_is_followed():
    given = toys.classify()
    x, y = given.train_data.tensors
    film = trained(given, probe=(x[100:103], y[100:103])).trace.film
    assert film.labels == [str(int(label)) for label in y[100:103]]
    assert film.frames[0].shape == (3,)


def test_the_users_model_is_not_asked():
    given, calls = toys.classify(), []
    given.model.register_forward_hook(lambda *_: calls.append(1))
    watcher = trained(given, epochs=2)
    assert len(calls) == watcher.trace.steps == 8
    assert len(watcher.trace.film.frames) > 3


def test_a_long_run_is_thinned_evenly():
    watcher = trained(toys.classify(rows=64), epochs=3)
    rehearsal = watcher.rehearsal
    assert len(watcher.trace.film.steps) <= MAX_FRAMES
    assert rehearsal.due == float("inf") or watcher.trace.ended


@pytest.mark.parametrize("wraps", [lambda t: t.squeeze(1), lambda t: t[:, 0], lambda t: t.flatten()])
def test_a_view_of_the_output_is_found(wraps):
    given = toys.binary()
    net, opt = given.model, given.optimizer
    with watch({}) as watcher:
        for x, y in toys.batches(given):
            opt.zero_grad()
            functional.binary_cross_entropy_with_logits(wraps(net(x)), y.flatten()).backward()
            opt.step()
    assert watcher.trace.film.kind is Kind.CLASSES
    assert watcher.trace.film.frames[-1].shape == (64,)


class OwnLoss(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = toys.mlp()

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.body(x)
        return {"loss": functional.cross_entropy(logits, labels), "logits": logits}


def test_a_model_that_returns_its_loss_is_followed():
    given = toys.classify(OwnLoss())
    opt = torch.optim.Adam(given.model.parameters(), 1e-2)
    with watch({}) as watcher:
        for x, y in toys.batches(given):
            opt.zero_grad()
            given.model(x, labels=y)["loss"].backward()
            opt.step()
    assert watcher.trace.film.kind is Kind.CLASSES


def test_what_cannot_be_copied_is_said_and_harms_nothing():
    given = toys.classify()
    given.model.stuck = (given.model[0].weight * 1.0,)  # no leaf: deepcopy refuses
    watcher = trained(given)
    assert watcher.trace.film is None
    assert watcher.trace.steps == 16
    assert "predictions are not followed: RuntimeError" in watcher.trace.notes[0]


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (torch.tensor([0, 1, 9, 2]), "a label is 9, and the model's 5 outputs end before that"),
        (torch.tensor([0, 1, 2]), "the model gives 4 predictions for 3 labels"),
    ],
)
def test_a_batch_given_whose_labels_do_not_fit_is_told_in_a_sentence(labels, why):
    given = toys.classify()
    watcher = trained(given, probe=(given.batch[0][:4], labels))
    assert watcher.trace.film is None
    assert watcher.trace.notes == [f"predictions are not followed: {why}"]


def test_an_ignored_token_of_id_0_is_left_out_of_the_picture():
    given = toys.next_token()
    net, opt = given.model, given.optimizer
    with watch({}) as watcher:
        for x, y in toys.batches(given):
            opt.zero_grad()
            functional.cross_entropy(net(x).flatten(0, 1), y.flatten(), ignore_index=0).backward()
            opt.step()
    assert watcher.trace.film.ignored == 0


def test_the_losses_of_a_long_run_are_thinned_and_not_cut_off():
    watcher = trained(toys.classify(rows=64), epochs=1500)
    losses = watcher.trace.film.losses
    assert len(losses) <= 1000
    assert losses[0][0] == 0
    assert losses[-1][0] == watcher.trace.steps - 1
