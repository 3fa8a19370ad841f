"""A batch that cannot be learned is named with its cause, and nothing healthy is called so."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from healthy import KINDS
from torch import nn

from nbrecipe import toys
from nbrecipe.checks.evaluation.cannot_overfit import check, judge
from nbrecipe.experiments.overfit import overfit
from nbrecipe.finding import Verdict, number, plain
from nbrecipe.runner import run

SEEDS = range(20)
#: those that take a second or more a seed are tried with a few
SLOW = {"transformer", "tied_language_model", "autoencoder_on_pixels", "segmentation", "many_labels"}


def found(bench, **given):
    return judge(overfit(bench, **{"budget": 10.0, **given}), bench)


def told(bench, **given):
    finding = found(bench, **given)
    assert finding.verdict is Verdict.BAD, f"{finding.message}; {finding.why}"
    assert finding.fix.endswith(".")
    return finding.why


@pytest.mark.slow
@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_no_healthy_net_is_called_unable_to_overfit(make):
    for seed in SEEDS[:5] if make.__name__ in SLOW else SEEDS:
        finding = found(make(seed))
        assert finding.verdict is not Verdict.BAD, f"seed {seed}: {finding.message}; {finding.why}"


@pytest.mark.parametrize("make", [k for k in KINDS if k.__name__ not in SLOW], ids=lambda make: make.__name__)
def test_a_healthy_net_overfits_its_batch(make):
    finding = found(make(0))
    assert finding.verdict is Verdict.OK, f"{finding.message}; {finding.why}"


def test_the_message_says_how_many_met_their_labels_when_and_how_low_the_loss_came():
    outcome = overfit(toys.classify())
    finding = judge(outcome, toys.classify())
    assert plain(finding.message) == (
        f"16 of 16 predictions meet their labels from step {outcome.aligned} on; "
        f"loss {number(outcome.end)}, lowest possible 0"
    )
    assert finding.film is outcome.film
    assert finding.why == "with Adam at 0.001"


def test_probabilities_where_logits_are_expected_come_to_rest_at_the_known_loss():
    model = nn.Sequential(toys.mlp((20, 32, 32, 10)), nn.Softmax(1))
    bench = toys.classify(model, classes=10)
    outcome = overfit(bench)
    assert outcome.end == pytest.approx(math.log(math.e + 9) - 1, abs=0.02)
    finding = judge(outcome, bench)
    assert finding.verdict is Verdict.BAD
    assert finding.why == (
        "the outputs of `net` are probabilities, the loss expects logits; it cannot fall below 1.461"
    )
    assert finding.fix == "Remove the softmax at the end of `net`; cross-entropy applies its own."


def test_probabilities_are_known_by_their_sums_where_no_graph_shows_a_softmax():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = toys.mlp()

        def forward(self, x):
            scores = self.body(x).exp()
            return scores / scores.sum(1, keepdim=True)

    assert "are probabilities, the loss expects logits" in told(toys.classify(Own()))


def test_a_sigmoid_before_the_loss_that_applies_one_is_named():
    bench = toys.binary(nn.Sequential(toys.mlp((10, 32, 1)), nn.Sigmoid()))
    assert "are probabilities, the loss expects logits" in told(bench)


@pytest.mark.parametrize(
    ("end", "inside"),
    [
        (nn.Sigmoid(), "a sigmoid keeps the outputs within (0, 1)"),
        (nn.ReLU(), "a ReLU keeps the outputs within (0, inf"),
    ],
)
def test_an_output_that_is_clipped_names_the_targets_out_of_reach(end, inside):
    why = told(toys.regress(nn.Sequential(toys.mlp((10, 32, 1)), end)))
    assert why.startswith("clipped output: targets run from -2.24 to 1.14, but ")
    assert inside in why


def test_a_sigmoid_is_fine_for_targets_within_its_range():
    x = torch.rand(32, 36, generator=toys.seeded(1)) * 0.8 + 0.1
    bench = toys.bench(nn.Sequential(toys.mlp((36, 64, 36)), nn.Sigmoid()), x, x, nn.MSELoss())
    assert found(bench).verdict is not Verdict.BAD


def test_a_loss_without_gradient_is_named():
    assert "carries no gradient" in told(toys.classify(loss_fn=lambda out, y: F.cross_entropy(out.detach(), y)))
    rewrapped = toys.classify(loss_fn=lambda out, y: torch.tensor(F.cross_entropy(out, y).item(), requires_grad=True))
    assert "no parameter of `net` gets a gradient" in told(rewrapped)


def test_gradients_that_are_all_zero_are_named():
    bench = toys.binary(nn.Sequential(toys.mlp((10, 16, 1)), nn.Softmax(1)), nn.BCELoss())
    assert "every gradient of `net` is exactly zero" in told(bench)


def test_a_loss_that_is_no_number_is_named():
    assert "before the first step" in told(toys.regress(loss_fn=lambda out, y: ((out.log() - y) ** 2).mean()))


def test_a_loss_that_becomes_no_number_with_every_optimizer_names_the_step():
    class Trap(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = toys.mlp()
            self.start = nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return self.body(x) + torch.where(self.start == 0, 0.0, torch.nan) + self.start

    assert "leaves the numbers with every optimizer tried" in told(toys.classify(Trap()))


def test_outputs_that_ignore_the_input_are_named():
    class Blind(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = toys.mlp()

        def forward(self, x):
            return self.body(x).mean(0, keepdim=True).expand(len(x), -1)

    assert "are the same for every example" in told(toys.classify(Blind()))


def test_a_head_of_zeros_is_not_a_constant_output():
    model = toys.mlp()
    nn.init.zeros_(model[-1].weight)
    assert found(toys.classify(model)).verdict is Verdict.OK


def test_units_that_stay_equal_are_named():
    model = toys.mlp()
    for layer in model[::2]:
        nn.init.constant_(layer.weight, 0.1)
        nn.init.zeros_(layer.bias)
    finding = found(toys.classify(model))
    assert finding.verdict is Verdict.BAD
    assert "all 32 units of `net[0]` started equal and stay equal" in finding.why
    assert finding.code == "nn.init.kaiming_normal_(net[0].weight)"


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("loss_fn", [nn.MSELoss(), lambda out, y: ((out - y) ** 2).mean()])
def test_a_column_against_a_row_is_named(loss_fn):
    given = toys.regress()
    bench = toys.bench(given.model, given.batch[0], given.batch[1].flatten(), loss_fn)
    assert "outputs (16, 1) and targets (16,) are compared in all 256 pairs" in told(bench)


def test_scores_that_are_no_log_probabilities_have_no_lowest_loss():
    assert "has no lowest value" in told(toys.classify(loss_fn=nn.NLLLoss()))


def test_a_model_too_small_for_its_labels_is_a_hint():
    bench = toys.classify(nn.Linear(2, 2), features=2, classes=2)
    x, y = bench.batch
    finding = found(bench.replace(batch=(x, y.roll(1))))
    assert finding.verdict is Verdict.HINT
    assert "`net` has 6 trainable numbers for 16 labels" in finding.why
    assert finding.fix.startswith("Give the model more capacity")


def test_noise_on_one_feature_is_a_hint():
    x = torch.rand(32, 1, generator=toys.seeded(2))
    y = torch.randint(2, (32,), generator=toys.seeded(3))
    finding = found(toys.bench(toys.mlp((1, 64, 64, 2)), x, y, nn.CrossEntropyLoss()), budget=3.0)
    assert finding.verdict is not Verdict.BAD


def test_too_few_steps_are_a_hint_that_says_how_to_give_more():
    finding = found(toys.classify(), steps=5)
    assert finding.verdict is Verdict.HINT
    assert plain(finding.message).startswith("not there yet: ")
    assert finding.fix == "Give it more steps: `--steps 50`."


def test_a_run_the_user_stopped_is_a_hint():
    finding = found(toys.classify(), should_stop=lambda: True)
    assert finding.verdict is Verdict.HINT
    assert finding.message.startswith("stopped by you: ")


def test_an_optimizer_that_comes_to_rest_too_early_is_a_hint_with_both_numbers():
    bench = toys.classify()
    finding = found(bench.replace(optimizer=torch.optim.SGD(bench.model.parameters(), 1e-6)))
    assert finding.verdict is Verdict.HINT
    assert (
        plain(finding.message)
        == "SGD at 1e-06 came to rest at 1.605 after 300 steps; Adam at 0.001 comes to 0.00464 after 255"
    )


@pytest.mark.parametrize("seed", range(5))
def test_losses_without_a_known_floor_are_never_a_fault(seed):
    def likelihood(out, y):
        return F.gaussian_nll_loss(out[:, :1], y, out[:, 1:].exp())

    def penalised(out, y):
        return F.cross_entropy(out, y) + 0.5 * out.square().mean()

    for bench in (
        toys.regress(toys.mlp((10, 32, 2), seed=seed), likelihood, seed=seed),
        toys.classify(toys.mlp(seed=seed), penalised, seed=seed),
    ):
        assert found(bench, steps=200).verdict is not Verdict.BAD


def test_frozen_parts_and_random_outputs_excuse_a_failure():
    class Sampled(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = toys.mlp()

        def forward(self, x):
            return self.body(torch.randn_like(x))

    assert found(toys.classify(Sampled()), budget=4.0).verdict is not Verdict.BAD
    model = toys.mlp()
    model[2:].requires_grad_(False)
    nn.init.constant_(model[2].bias, -0.3)
    assert found(toys.classify(model), budget=4.0).verdict is not Verdict.BAD


def test_the_runner_s_result_is_quick_and_draws():
    result = run(check, toys.classify())
    assert result.verdict is Verdict.OK
    assert result.seconds < 5
    assert len(result.finding.seen["losses"]) <= 200
    assert result.finding.seen["losses"][0][0] == 0
