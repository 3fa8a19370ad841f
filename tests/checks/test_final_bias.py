"""The last bias: the prior for each kind of loss, proved by setting it, and the line that does so."""

import math

import healthy
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.probes.init.last_layer import last_layer
from nbrecipe.probes.init.prior import Applied, apply_prior, prior, proved
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("final-bias")
UNEVEN = (0.8, 0.1, 0.05, 0.03, 0.02)


def found(bench):
    return run(CHECK, bench).finding


def prior_of(bench):
    with bench.untouched():
        return prior(bench)


def pixels():
    x = torch.randn(32, 1, 8, 8, generator=toys.seeded())
    return x, (x[:, 0] > 1.2).long()


def uneven_images():
    x, y = pixels()
    return toys.bench(healthy.made(0, healthy.Segmenter), x, y, nn.CrossEntropyLoss(), size=16)


class Pooled(nn.Module):
    """A convolution for a head, averaged over the image afterwards."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Conv2d(1, 8, 3), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        return self.head(self.body(x).relu()).mean((2, 3))


def pooled():
    x, y = pixels()
    return toys.bench(healthy.made(0, Pooled), x, (y.float().mean((1, 2)) > 0.15).long(), nn.CrossEntropyLoss())


def squeezed(p, t):
    return F.binary_cross_entropy_with_logits(p, t.squeeze(1))


def squeezed_error(p, t):
    return (p - t.squeeze(1)).square().mean()


@pytest.mark.parametrize(
    "bench",
    [
        lambda: toys.classify(weights=UNEVEN),
        lambda: toys.classify(weights=UNEVEN, loss_fn=nn.CrossEntropyLoss(label_smoothing=0.1)),
        lambda: toys.classify(weights=UNEVEN, loss_fn=nn.CrossEntropyLoss(torch.tensor([1.0, 2, 3, 4, 9]))),
        lambda: toys.classify(nn.Sequential(toys.mlp(), nn.LogSoftmax(1)), nn.NLLLoss(), weights=UNEVEN),
        lambda: toys.classify(weights=UNEVEN, loss_fn=nn.CrossEntropyLoss(reduction="sum")),
        lambda: toys.classify(weights=UNEVEN, loss_fn=lambda p, t: -p.log_softmax(1)[torch.arange(len(t)), t].mean()),
        lambda: toys.binary(rate=0.05),
        lambda: toys.binary(rate=0.05, loss_fn=lambda p, t: F.binary_cross_entropy_with_logits(p[:, 0], t[:, 0])),
        lambda: toys.binary(nn.Sequential(toys.mlp((10, 16, 1)), nn.Flatten(0)), rate=0.05, loss_fn=squeezed),
        lambda: toys.regress(nn.Sequential(toys.mlp((10, 16, 1)), nn.Flatten(0)), squeezed_error, mean=30, scale=4),
        lambda: toys.binary(rate=0.05, loss_fn=nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))),
        lambda: toys.binary(nn.Sequential(toys.mlp((10, 16, 1)), nn.Sigmoid()), nn.BCELoss(), rate=0.05),
        lambda: toys.regress(mean=30, scale=4),
        lambda: toys.regress(mean=30, scale=4, loss_fn=nn.L1Loss()),
        lambda: toys.regress(mean=30, scale=4, loss_fn=nn.HuberLoss()),
        lambda: toys.regress(mean=30, scale=4, loss_fn=lambda p, t: (p - t).pow(2).mean()),
        lambda: healthy.many_labels(0),
        uneven_images,
        pooled,
    ],
)
def test_the_saving_worked_out_is_the_saving_of_really_setting_it(bench):
    given = bench()
    with given.untouched():
        told = prior(given)
        measured = proved(given, told)
    assert told.after == pytest.approx(measured, rel=1e-3)
    assert measured < told.before
    assert measured <= told.guess.best + 0.3 * told.before  # what is left above the guess comes from the weights


def test_with_a_head_of_zeros_the_prior_gives_exactly_the_expected_loss():
    net = toys.mlp()
    nn.init.zeros_(net[-1].weight)
    given = toys.classify(net, weights=UNEVEN, size=256)
    with given.untouched():
        told = prior(given)
        assert proved(given, told) == pytest.approx(told.guess.best, rel=1e-5)


@pytest.mark.parametrize(
    ("bench", "code"),
    [
        (lambda: toys.regress(mean=150, scale=70), "torch.nn.init.constant_(net[-1].bias, 150.0)"),
        (lambda: toys.binary(rate=0.05), "torch.nn.init.constant_(net[-1].bias, -2.888)"),
        (
            lambda: toys.classify(toys.mlp((20, 8, 2)), classes=2, weights=(0.9, 0.1)),
            "with torch.no_grad():\n    net[-1].bias.copy_(torch.tensor([-0.0856, -2.501]))",
        ),
        (
            lambda: toys.next_token(vocabulary=24),
            "counts = sum(torch.bincount(y.flatten(), minlength=24) for _, y in train_dl) + 1\n"
            "bias = (counts / counts.sum()).log()\n"
            "with torch.no_grad():\n    net.head.bias.copy_(bias)",
        ),
        (
            lambda: healthy.many_labels(0),
            "bias = torch.cat([y for _, y in train_dl]).mean(0).clamp(1e-3, 1 - 1e-3).logit()\n"
            "with torch.no_grad():\n    net[-1].bias.copy_(bias)",
        ),
    ],
)
def test_the_line_to_paste_is_exact_and_does_what_it_says(bench, code):
    given = bench()
    told = prior_of(given)
    assert told.code == code
    exec(code, {"torch": torch, "net": given.model, "train_dl": given.train_loader})
    assert last_layer(given).bias.tolist() == pytest.approx(told.bias.tolist(), rel=0.01, abs=0.02)


def test_ignored_targets_are_left_out_of_the_line():
    given = toys.next_token()
    x, y = (t.clone() for t in given.train_data.tensors)
    y[:, -3:] = -100
    code = prior_of(toys.bench(given.model, x, y, toys.token_loss)).code
    assert code.startswith("counts = sum(torch.bincount(y[y != -100], minlength=24) for _, y in train_dl) + 1\n")


@pytest.mark.parametrize(
    ("bench", "reason"),
    [
        (lambda: healthy.tied_language_model(0), "`net.head` has no bias; `bias=True` would let it start at the prior"),
        (
            lambda: toys.classify(nn.Sequential(toys.mlp(), nn.Softmax(1))),
            "the outputs of `net[0][-1]` are changed before they reach the loss",
        ),
        (lambda: healthy.contrastive(0), "no last layer was found whose outputs are the model's"),
        (
            lambda: toys.bench(toys.mlp(), torch.randn(32, 20), torch.ones(32).long(), nn.CrossEntropyLoss()),
            "the labels tell no prior: there is only one answer among them",
        ),
    ],
)
def test_a_missing_prior_has_its_reason(bench, reason):
    finding = found(bench())
    assert finding.verdict is Verdict.SKIPPED
    assert finding.message == reason


def test_rare_answers_are_worth_a_look_and_no_fault():
    finding = found(toys.binary(rate=0.05))
    assert finding.verdict is Verdict.HINT
    assert finding.message == ("`net[-1].bias` is not the prior: the loss starts at **0.6124** instead of **0.2279**")
    assert finding.why == "knowing the rate of yes alone saves 0.3845"


def test_targets_far_off_are_one_fault_and_not_two():
    far, near = toys.regress(mean=150, scale=77), toys.regress(mean=100, scale=77)
    cause, hinted = run(get_check("loss-at-init"), far).finding, found(far)
    assert (cause.verdict, hinted.verdict) == (Verdict.BAD, Verdict.HINT)
    assert cause.where == hinted.where == "net[-1].bias"
    assert cause.code == "torch.nn.init.constant_(net[-1].bias, 150.0)"
    assert hinted.fix == "Paste the line of `loss-at-init`, whose cause it is, or let `%check_init --fix` do it."
    assert hinted.code == ""
    assert run(get_check("loss-at-init"), near).verdict is not Verdict.BAD
    assert found(near).verdict is Verdict.HINT
    assert found(near).code


@pytest.mark.parametrize("loss_fn", [nn.MSELoss(), nn.L1Loss(), nn.HuberLoss()])
@pytest.mark.parametrize("mean", [-400, 30])
def test_what_the_bias_leaves_to_loss_at_init_is_a_fault_there(mean, loss_fn):
    given = toys.regress(loss_fn=loss_fn, mean=mean, scale=1)
    assert (found(given).verdict, found(given).code) == (Verdict.HINT, "")
    assert run(get_check("loss-at-init"), given).verdict is Verdict.BAD


def test_a_bias_at_its_prior_is_near_enough():
    assert found(healthy.rare_event_with_prior(0)).verdict is Verdict.OK
    assert found(healthy.regression_with_prior_bias(0)).verdict is Verdict.OK


def test_labels_that_the_sampler_balances_have_the_samplers_prior():
    given = toys.classify(classes=2, model=toys.mlp((20, 8, 2)), weights=(0.95, 0.05), rows=512)
    y = given.train_data.tensors[1]
    sampler = torch.utils.data.WeightedRandomSampler((1 / torch.bincount(y))[y], 512, generator=toys.seeded())
    loader = torch.utils.data.DataLoader(given.train_data, 64, sampler=sampler)
    with given.untouched():
        balanced = given.replace(train_loader=loader, batch=None)
        assert prior(balanced).bias.tolist() == pytest.approx([math.log(0.5)] * 2, abs=0.15)


def test_apply_prior_sets_the_bias_and_nothing_else():
    given = toys.regress(mean=150, scale=70)
    bias = given.model[-1].bias
    before = {name: value.clone() for name, value in given.model.state_dict().items()}
    rng = torch.get_rng_state()
    done = apply_prior(given)
    assert isinstance(done, Applied)
    assert given.model[-1].bias is bias
    assert bias.item() == pytest.approx(150, rel=1e-3)
    changed = [name for name, value in given.model.state_dict().items() if not torch.equal(value, before[name])]
    assert changed == ["4.bias"]
    assert torch.equal(torch.get_rng_state(), rng)
    x, y = given.batch
    assert done.after == pytest.approx(F.mse_loss(given.model(x), y).item(), rel=1e-5)
    assert found(given.replace()).verdict is Verdict.OK


def test_apply_prior_says_why_not():
    assert apply_prior(healthy.tied_language_model(0)) == (
        "`net.head` has no bias; `bias=True` would let it start at the prior"
    )


def test_finding_the_prior_leaves_the_users_bias_alone():
    given = toys.regress(mean=150, scale=70)
    held = given.model(given.batch[0]).sum()  # a graph of the user's that needs the weights as they were
    assert found(given).verdict is Verdict.HINT
    held.backward()
