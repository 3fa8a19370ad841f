"""What is found among the user's variables, in which order, and what is refused."""

from __future__ import annotations

import functools

import pytest
import torch
import torch.nn.functional as F
from IPython.core.error import UsageError
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.bench import Cell
from nbrecipe.notebook.names import Search, Variables


def search(variables, *, local=None, hidden=None, magic="%check_init", **how):
    how = {"given": {}} | how
    return Search(Variables(variables, local or {}, hidden or {}), magic=magic, **how).bench()


def net():
    return nn.Linear(3, 2)


def loader(rows=8):
    return DataLoader(TensorDataset(torch.randn(rows, 3), torch.zeros(rows).long()), batch_size=4)


def refused(variables, **how):
    with pytest.raises(UsageError) as told:
        search(variables, **how)
    assert type(told.value) is UsageError  # a subclass would show a traceback
    return str(told.value)


# ---- the order ---------------------------------------------------------------------------------------------------


def test_a_flag_comes_before_everything():
    a, b = net(), net()
    bench = search({"model": a, "other": b}, given={"model": "other"}, fresh=("model",))
    assert bench.model is b
    assert bench.names["model"] == "other"


def test_names_of_this_cell_come_before_conventional_ones():
    a, b = net(), net()
    bench = search({"model": a, "wide": b}, fresh=("wide",))
    assert bench.model is b
    assert bench.names["model"] == "wide"


def test_conventional_names_come_before_the_rest():
    a, b = net(), net()
    assert search({"teacher": a, "net": b}).model is b


def test_the_only_one_of_its_kind_is_taken():
    only = net()
    bench = search({"perceptron": only, "x": 3, "name": "net"})
    assert bench.model is only
    assert bench.name("model") == "perceptron"


def test_a_function_sees_its_own_variables_first():
    mine, theirs = net(), net()
    assert search({"model": theirs}, local={"student": mine}).model is mine
    assert search({"model": theirs}, local={"rows": 3}).model is theirs


def test_everything_of_an_ordinary_notebook_is_found():
    model, crit, train, val = net(), nn.CrossEntropyLoss(), loader(), loader()
    opt = torch.optim.SGD(model.parameters(), 0.1)
    sched = torch.optim.lr_scheduler.StepLR(opt, 1)
    given = {"net": model, "crit": crit, "train_dl": train, "valid_dl": val, "opt": opt, "sched": sched}
    bench = search({**given, "xb": torch.ones(4, 3), "yb": torch.ones(4), "loss": torch.tensor(2.0), "epoch": 3})
    found = [bench.model, bench.loss_fn, bench.train_loader, bench.val_loader, bench.optimizer, bench.scheduler]
    assert all(a is b for a, b in zip(found, given.values(), strict=True))
    assert bench.batch is None  # the loader gives one; leftovers of a loop are not it
    assert bench.train_data is train.dataset
    assert bench.names["train_data"] == "train_dl.dataset"


# ---- what is no second candidate -----------------------------------------------------------------------------------


def test_parts_aliases_losses_and_private_names_are_no_second_model():
    backbone = net()
    whole = nn.Sequential(backbone, nn.ReLU())
    names = {
        "backbone": backbone, "classifier": whole, "same": whole, "layer": whole[1], "_kept": net(),
        "act": nn.ReLU(), "focal": nn.MSELoss(), "Net": nn.Linear, "Out": {1: net()},
    }  # fmt: skip
    assert search(names).model is whole


def test_a_wrapper_under_another_name_does_not_hide_the_model():
    model = net()
    assert search({"model": model, "parallel": nn.DataParallel(model)}).model is model


def test_a_loss_module_of_the_user_is_no_model():
    class FocalLoss(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2))

    focal, model = FocalLoss(), net()
    bench = search({"focal": focal, "perceptron": model})
    assert bench.model is model
    assert bench.loss_fn is focal


def test_a_model_that_returns_its_loss_is_no_loss():
    class LanguageModelWithLoss(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(3, 3)

    model = LanguageModelWithLoss()
    bench = search({"lm": model})
    assert bench.model is model
    assert bench.loss_fn is None


def test_functions_that_only_have_to_do_with_a_loss_are_no_loss():
    def plot_loss(train, val): ...
    def evaluate_loss(model, loader): ...
    def val_loss(model, val_loader): ...
    def loss_curve(values): ...
    def masked_loss(logits, targets): ...

    names = [plot_loss, evaluate_loss, val_loss, loss_curve]
    assert search({f.__name__: f for f in names}).loss_fn is None
    assert search({f.__name__: f for f in [*names, masked_loss]}).loss_fn is masked_loss


def test_a_single_functional_loss_counts_and_many_do_not():
    assert search({"cross_entropy": F.cross_entropy, "relu": F.relu}).loss_fn is F.cross_entropy
    assert search({"cross_entropy": F.cross_entropy, "mse_loss": F.mse_loss}).loss_fn is None


def test_a_partial_under_a_conventional_name_is_a_loss():
    loss = functools.partial(F.cross_entropy, label_smoothing=0.1)
    assert search({"criterion": loss}).loss_fn is loss


def test_a_validation_loader_is_no_training_loader():
    val = loader()
    bench = search({"test_loader": val})
    assert bench.train_loader is None
    assert bench.val_loader is val


def test_an_iterator_is_no_loader_and_a_list_of_batches_is_one():
    batches = [(torch.ones(2, 3), torch.ones(2))]
    assert search({"train_loader": iter(loader())}).train_loader is None
    assert search({"train_batches": batches}).train_loader is batches
    assert search({"loader": "a name"}).train_loader is None


def test_only_the_optimizer_of_the_model_is_taken_where_there_are_two():
    model, other = net(), net()
    mine, theirs = torch.optim.Adam(model.parameters()), torch.optim.Adam(other.parameters())
    bench = search({"model": model, "critic_opt": theirs, "model_opt": mine})
    assert bench.optimizer is mine
    assert search({"model": model, "optimizer": theirs}).optimizer is theirs
    assert search({"model": model, "optimizer": theirs}, any_optimizer=False).optimizer is None


def test_users_code_does_not_run_while_looking():
    class Loud:
        def __getattr__(self, name):
            raise RuntimeError(name)

        @property
        def __class__(self):
            raise RuntimeError("asked for its class")

        def __eq__(self, other):
            raise RuntimeError("compared")

        __hash__ = None

        def __iter__(self):
            raise RuntimeError("iterated")

    loud = {name: Loud() for name in ("thing", "net", "loss_fn", "opt", "batch", "tokenizer", "x", "y")}
    bench = search({**loud, "perceptron": net()})
    assert bench.name("model") == "perceptron"


# ---- batches -------------------------------------------------------------------------------------------------------


def test_whole_tensors_make_a_batch_spread_over_their_rows():
    x, y = torch.randn(640, 3), torch.arange(640)
    bench = search({"model": net(), "X_train": x, "y_train": y, "X": x, "y": y})
    assert bench.names["batch"] == "(X_train[::10], y_train[::10])"
    assert bench.batch[1].tolist() == list(range(0, 640, 10))
    few = search({"x": x[:20], "y": y[:20]})
    assert few.names["batch"] == "(x, y)"
    assert search({"x": x[:20], "y": y}).batch is None  # lengths apart: not a pair
    assert search({"x": x.numpy(), "y": y.numpy()}).batch is None


def test_a_variable_called_batch_is_one_where_there_is_no_loader():
    batch = {"input_ids": torch.ones(2, 3), "labels": torch.ones(2)}
    assert search({"batch": batch}).batch is batch
    assert search({"batch": batch, "train_loader": loader()}).batch is None
    assert search({"batch": 32}).batch is None


def test_with_a_batch_given_two_loaders_do_not_matter():
    bench = search({"a": loader(), "b": loader(), "x": torch.ones(3)}, given={"batch": "x"})
    assert bench.train_loader is None


# ---- pretrained ----------------------------------------------------------------------------------------------------


def test_weights_that_a_cell_loaded_are_found():
    model, weights = net(), net().state_dict()
    ran = (Cell(1, "model.load_state_dict(weights, strict=False)"),)
    bench = search({"model": model, "weights": weights}, cells=ran)
    assert bench.pretrained is weights
    assert bench.names["pretrained"] == "weights"
    saved = {"model": weights, "epoch": 3}
    bench = search({"model": model, "saved": saved}, cells=(Cell(1, "model.load_state_dict(saved['model'])"),))
    assert bench.pretrained is weights
    assert search(
        {"model": model, "alias": model, "weights": weights}, cells=(Cell(1, "alias.load_state_dict(weights)"),)
    ).pretrained


@pytest.mark.parametrize(
    "source", ["other.load_state_dict(weights)", "model.load_state_dict(gone)", "model.load_state_dict(number)"]
)
def test_weights_of_another_model_are_not(source):
    names = {"model": net(), "weights": net().state_dict(), "number": 3}
    assert search(names, cells=(Cell(1, source),)).pretrained is None


# ---- refusals, word for word ---------------------------------------------------------------------------------------


def test_two_models():
    names = {"teacher": net(), "student": net()}
    assert refused(names) == "2 models here: `teacher`, `student`; say which: %check_init student"
    assert refused(names, magic="%%overfit_batch") == (
        "2 models here: `teacher`, `student`; say which: %%overfit_batch --model student"
    )
    assert refused(names, magic="%recipe") == "2 models here: `teacher`, `student`; say which: %bind model=student"


def test_two_losses_and_two_loaders():
    names = {"net": net(), "mse": nn.MSELoss(), "l1": nn.L1Loss()}
    assert refused(names) == "2 loss functions here: `mse`, `l1`; say which: %check_init --loss l1"
    names = {"net": net(), "small": loader(), "large": loader()}
    assert refused(names) == "2 loaders here: `small`, `large`; say which: %check_init --train large"


def test_an_unknown_name():
    assert refused({"network_a": net()}, given={"model": "netwerk_a"}) == (
        "there is no `netwerk_a` here; did you mean `network_a`?"
    )
    assert refused({}, given={"model": "net"}) == "there is no `net` here"


def test_an_expression_that_does_not_parse_or_raises():
    assert refused({}, given={"batch": "x["}) == "`x[` is no Python expression"
    assert refused({"x": []}, given={"batch": "x[0]"}) == "`x[0]` raises IndexError: list index out of range"


def test_a_value_of_the_wrong_kind():
    assert refused({"train": loader()}, given={"model": "train"}) == (
        "`train` is of type DataLoader; model takes a torch.nn.Module"
    )
    assert refused({"xs": ([1, 2], [3])}, given={"batch": "xs"}) == "`xs` holds no tensor but list; give tensors"
    assert refused({"Net": nn.Linear}, given={"model": "Net"}) == (
        "`Net` is a class; model takes an object of it: `Net()`"
    )


def test_a_batch_of_lists_is_one_as_detectors_take_it():
    batch = ([torch.rand(3, 8, 8), torch.rand(3, 6, 9)], [{"boxes": torch.rand(2, 4)}, {"boxes": torch.rand(1, 4)}])
    assert search({"net": net(), "pair": batch}, given={"batch": "pair"}).batch is batch


def test_a_call_is_not_used_as_a_name_in_code_to_paste():
    bench = search({"make": net}, given={"model": "make()"})
    assert bench.name("model") == "model"


@pytest.mark.parametrize("value", [["a", "b"], {"a": 0}, str.split, (str.split, str.join)])
def test_a_table_or_a_function_is_a_tokenizer_where_it_is_named_so(value):
    assert search({"letters": value, "x": torch.zeros(2)}, given={"tokenizer": "letters"}).tokenizer is value
    assert search({"tokenizer": value}).tokenizer is value
    assert search({"letters": value}).tokenizer is None
