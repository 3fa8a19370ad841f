"""What is switched off for the test, and that it really is off."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from nbrecipe import toys
from nbrecipe.experiments.overfit import overfit
from nbrecipe.experiments.overfit.regularisation import switch_off

#: what a hook heard
HEARD = []
X = torch.randn(8, 6, generator=toys.seeded(0))


def off(model, loss_fn=None, x=X):
    return switch_off(model, loss_fn, "net", lambda: model(x), alone=len(x) == 1)


def quiet(model, x=X):
    with torch.no_grad():
        return torch.equal(model(x), model(x))


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(6, 6)

    def forward(self, x):
        return F.dropout(self.body(x), 0.4, self.training)


class DropPath(nn.Module):
    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x):
        return x * (torch.rand(len(x), 1) > self.drop_prob) if self.training else x


def test_dropout_is_named_by_place_and_many_are_counted():
    model = nn.Sequential(nn.Dropout(0.2), nn.Linear(6, 6))
    assert off(model) == ["dropout 0.2 in `net[0]`"]
    assert quiet(model)
    assert off(nn.Sequential(*[nn.Dropout(0.1) for _ in range(5)])) == ["dropout 0.1 in 5 layers"]
    assert off(nn.Sequential(nn.Dropout(0.0), nn.Linear(6, 6))) == []


def test_dropout_called_as_a_function_is_seen_and_off():
    model = Functional()
    assert not quiet(model)
    assert off(model) == ["dropout 0.4, called as a function"]
    assert quiet(model)


def test_stochastic_depth_is_named_and_off():
    model = nn.Sequential(nn.Linear(6, 6), DropPath(0.3))
    assert off(model) == ["stochastic depth 0.3 in `net[1]`"]
    assert quiet(model)


def test_dropout_inside_attention_and_recurrent_layers_is_off():
    block = nn.TransformerEncoderLayer(6, 2, 8, dropout=0.1, batch_first=True)
    x = X[None]
    told = off(block, x=x)
    assert told == ["dropout 0.1 in 4 layers"]
    assert quiet(block, x)
    rnn = nn.LSTM(6, 4, num_layers=2, dropout=0.3)
    assert switch_off(rnn, None, "net", lambda: rnn(x), alone=False) == ["dropout 0.3 in `net`"]
    with torch.no_grad():
        assert torch.equal(rnn(x)[0], rnn(x)[0])
    assert rnn.training  # CuDNN goes backward in train mode only


def test_label_smoothing_is_off_in_loss_and_model():
    loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
    assert off(nn.Linear(6, 3), loss_fn) == ["label smoothing 0.1"]
    assert loss_fn.label_smoothing == 0


def test_batch_norm_keeps_the_statistics_of_the_batch():
    model = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(0.1))
    off(model)
    assert [module.training for module in model] == [False, True, False]


def test_batch_norm_that_the_user_froze_stays_frozen():
    model = nn.Sequential(nn.BatchNorm1d(6), nn.BatchNorm1d(6))
    model[0].eval()
    off(model)
    assert [module.training for module in model] == [False, True]
    model = nn.Sequential(nn.BatchNorm1d(6), nn.BatchNorm1d(6)).eval()
    model[0].requires_grad_(False)
    off(model)
    assert [module.training for module in model] == [False, True]


def test_batch_norm_over_one_value_keeps_its_running_statistics():
    model = nn.Sequential(nn.Linear(20, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 5))
    bench = toys.classify(model)
    outcome = overfit(bench, n=1)
    assert outcome.reached
    assert outcome.switched_off == ["batch statistics of `net[1]`, one value a channel"]
    assert int(model[1].num_batches_tracked) == 0


def test_two_passes_agree_while_a_batch_is_overfitted():
    HEARD.clear()
    model = nn.Sequential(nn.Dropout(0.5), toys.mlp())
    model[0].register_forward_hook(lambda module, args, out: HEARD.append(torch.equal(args[0], out)))
    overfit(toys.classify(model), steps=10)
    assert all(HEARD[-10:])
    assert len(HEARD) > 10
