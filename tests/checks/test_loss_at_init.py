"""The loss at init: no false alarm on fresh nets of many kinds, the right cause on wrong ones."""

import math
from collections import Counter

import healthy
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.probes.init.start import healthy_losses, start
from nbrecipe.registry import get_check
from nbrecipe.runner import run, run_each

CHECK = get_check("loss-at-init")
BOTH = [CHECK, get_check("final-bias")]
TOYS = [
    healthy.default_mlp,
    healthy.transformer,
    healthy.standardised_regression,
    healthy.rare_event,
    healthy.he_regression,
]


def found(bench):
    return run(CHECK, bench).finding


def alarms(kind, seeds):
    """What is called a fault, and what crashes, over these seeds."""
    results = [(seed, result) for seed in seeds for result in run_each(BOTH, kind(seed))]
    wrong = (Verdict.BAD, Verdict.CRASHED)
    return [f"{seed}: {r.id}: {r.finding.message} {r.finding.why}" for seed, r in results if r.verdict in wrong]


@pytest.mark.parametrize("kind", healthy.KINDS, ids=lambda kind: kind.__name__)
def test_fresh_nets_raise_no_alarm(kind):
    assert alarms(kind, range(50 if kind in TOYS else 6)) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", healthy.KINDS, ids=lambda kind: kind.__name__)
def test_no_fresh_net_of_two_hundred_raises_an_alarm(kind):
    assert alarms(kind, range(1000, 1200)) == []


@pytest.mark.parametrize("kind", [healthy.default_mlp, healthy.layer_norm, healthy.transformer, healthy.rare_event])
def test_nets_that_keep_the_variance_are_ok_and_not_just_no_fault(kind):
    assert Counter(found(kind(seed)).verdict for seed in range(10)) == {Verdict.OK: 10}


def hot(factor, seed=0, **more):
    net = toys.mlp(seed=seed)
    with torch.no_grad():
        net[-1].weight.mul_(factor)
    return toys.classify(net, seed=seed, **more)


@pytest.mark.parametrize("seed", range(10))
def test_a_last_layer_thirty_times_too_large_is_named(seed):
    finding = found(hot(50, seed))
    assert finding.verdict is Verdict.BAD, finding.message
    assert finding.where == "net[-1]"
    assert finding.code == "torch.nn.init.xavier_uniform_(net[-1].weight)"


def test_the_line_to_paste_cures_it():
    given = hot(30)
    before = found(given)
    exec(before.code, {"torch": torch, "net": given.model})
    assert before.verdict is Verdict.BAD
    assert found(given.replace()).verdict is Verdict.OK


def test_what_arrives_too_large_is_not_blamed_on_the_last_layer():
    net = toys.mlp()
    with torch.no_grad():
        net[0].weight.mul_(300)
    finding = found(toys.classify(net))
    assert finding.verdict is Verdict.BAD
    assert finding.fix.startswith("Normalise what reaches `net[-1]`: its inputs have size ")


def test_inputs_that_enter_too_large_are_named():
    given = toys.classify()
    x, y = given.train_data.tensors
    finding = found(toys.bench(toys.mlp(), 100 * x, y, nn.CrossEntropyLoss()))
    assert finding.verdict is Verdict.BAD
    assert finding.fix.startswith("Scale the inputs of the model: they have size ")
    assert finding.code == "%recipe unscaled-input"


def test_large_inputs_that_a_norm_scales_are_not_what_is_named():
    given = toys.classify()
    x, y = given.train_data.tensors
    net = nn.Sequential(nn.BatchNorm1d(20), *toys.mlp())
    with torch.no_grad():
        net[1].weight.mul_(300)
    finding = found(toys.bench(net, 100 * x, y, nn.CrossEntropyLoss()))
    assert finding.verdict is Verdict.BAD
    assert finding.fix.startswith("Normalise what reaches `net[-1]`: its inputs have size ")


def test_a_hot_head_without_bias_is_seen_too():
    net = toys.lm()
    net.head = nn.Linear(32, 24, bias=False)
    nn.init.normal_(net.head.weight)
    finding = found(toys.next_token(net))
    assert finding.verdict is Verdict.BAD
    assert finding.where == "net.head"


def test_embeddings_of_size_one_tied_to_the_outputs_are_too_large():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.norm = nn.Embedding(24, 64), nn.LayerNorm(64)

        def forward(self, ids):
            return F.linear(self.norm(self.tokens(ids.roll(1, 1))), self.tokens.weight)

    assert found(toys.next_token(healthy.made(0, Tied))).verdict is Verdict.BAD


@pytest.mark.parametrize("loss_fn", [nn.MSELoss(), nn.L1Loss(), nn.SmoothL1Loss(), lambda p, t: ((p - t) ** 2).mean()])
def test_targets_far_off_are_an_offset_and_not_a_spread(loss_fn):
    finding = found(toys.regress(loss_fn=loss_fn, mean=-400, scale=0.01, size=256))
    assert finding.verdict is Verdict.BAD
    assert finding.why.endswith("the best constant is -400.0")
    assert finding.code == "torch.nn.init.constant_(net[-1].bias, -400.0)"


def test_the_loss_of_a_guess_is_that_of_the_labels():
    finding = found(toys.classify(weights=(0.7, 0.1, 0.1, 0.05, 0.05), rows=4000))
    y = toys.classify(weights=(0.7, 0.1, 0.1, 0.05, 0.05), rows=4000).train_data.tensors[1]
    shares = torch.bincount(y).double() / len(y)
    assert finding.seen["best"] == pytest.approx(float(-(shares * shares.log()).sum()))
    assert finding.seen["uniform"] == pytest.approx(math.log(5))


def test_a_summed_loss_is_told_per_example_and_as_it_is():
    finding = found(toys.classify(loss_fn=nn.CrossEntropyLoss(reduction="sum")))
    assert "an example (103.1 summed); a guess gives **1.609**" in finding.message


def test_an_optimizer_that_has_stepped_means_trained():
    given = hot(30)
    x, y = given.batch
    given.loss_fn(given.model(x), y).backward()
    given.optimizer.step()
    finding = found(given)
    assert finding.verdict is Verdict.OK
    assert finding.message.endswith("the model is trained already, so this says nothing of its init")


def test_pretrained_weights_raise_nothing():
    given = hot(30)
    assert found(given.replace(pretrained=given.model.state_dict())).verdict is Verdict.OK


def test_a_trained_model_is_told_from_leaking_labels():
    finding = found(toys.trained(toys.classify()))
    assert finding.verdict is Verdict.OK
    assert finding.message.endswith("it is trained already")


def test_probabilities_given_as_log_probabilities_are_seen():
    finding = found(toys.classify(nn.Sequential(toys.mlp(), nn.Softmax(1)), nn.NLLLoss()))
    assert finding.verdict is Verdict.BAD
    assert "log-probabilities" in finding.message


def test_weights_that_cannot_be_drawn_anew_make_a_low_loss_a_hint_at_most():
    class Shortcut(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(5))

        def forward(self, x):
            return 4 * self.scale * x[:, -5:]

    y = torch.randint(5, (64,), generator=toys.seeded())
    assert found(toys.bench(Shortcut(), F.one_hot(y, 5).float(), y, nn.CrossEntropyLoss())).verdict is Verdict.HINT


def test_a_loss_that_is_not_finite_is_a_fault():
    net = toys.mlp()
    with torch.no_grad():
        net[-1].bias[0] = math.nan
    assert found(toys.classify(net)).message == "loss at init is **nan**, not a number to learn from"


def test_a_loss_of_two_embeddings_is_skipped_with_the_line_that_helps():
    loss_fn = lambda model, batch: F.triplet_margin_loss(*model(batch[0]).reshape(3, -1, 5))  # noqa: E731
    finding = found(toys.classify(rows=63, size=63).replace(loss_fn=loss_fn))
    assert finding.verdict is Verdict.SKIPPED
    assert finding.message == "the loss cannot be asked for other outputs, so no expected value is known"


def test_one_target_tells_no_spread():
    given = toys.bench(toys.mlp((4, 1)), torch.ones(1, 4), torch.full((1, 1), 3.0), nn.MSELoss())
    for check in BOTH:
        finding = run(check, given).finding
        assert finding.verdict is Verdict.SKIPPED
        assert finding.message == "one target tells nothing of the others; give a larger batch, or a loader"


def test_a_small_batch_is_helped_by_further_ones():
    given = toys.classify(size=8)
    with given.untouched():
        begun = start(given)
    assert begun.examples == 32
    assert begun.labels == 256


def test_answers_of_the_stated_spread_give_the_loss_that_algebra_gives():
    """For squared errors answers of spread s around the mean give (1 + s²) times the variance."""
    given = toys.regress(rows=2000, size=2000)
    with given.untouched():
        begun = start(given)
        for spread in (1.0, 2.0):
            mean, deviation = healthy_losses(begun, spread)
            assert mean == pytest.approx(1 + spread**2, abs=4 * deviation / 200**0.5 + 1e-3)


def test_a_huge_vocabulary_is_thinned_and_stays_exact():
    net = toys.lm(5000)
    ids = torch.randint(5000, (64, 17), generator=toys.seeded())
    given = toys.bench(net, ids[:, :-1], ids[:, 1:], toys.token_loss)
    with given.untouched():
        begun = start(given)
        exact = toys.token_loss(net(ids[:, :-1]), ids[:, 1:]).item()
    assert len(begun.tasks[0].call.input) < 1024
    assert begun.loss == pytest.approx(exact, rel=1e-6)
