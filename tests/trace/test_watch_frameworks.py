"""Loops of other people's frameworks are watched as they are; each computes what it computes without."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.trace import Trace, watch

os.environ.setdefault("HF_HUB_OFFLINE", "1")


def rows(count: int = 96) -> TensorDataset:
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(3, (count,), generator=generator)
    return TensorDataset(torch.randn(count, 8, generator=generator) + y[:, None], y)


def body() -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3))


def lightning_fit(folder: Path) -> nn.Module:
    """Lightning: automatic optimisation, clipping by the trainer, a validation loop of its own."""
    lightning = pytest.importorskip("lightning")

    class Lit(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = body()

        def training_step(self, batch: Any, index: int) -> Tensor:
            x, y = batch
            return functional.cross_entropy(self.net(x), y)

        def validation_step(self, batch: Any, index: int) -> None:
            x, y = batch
            self.log("val", functional.cross_entropy(self.net(x), y))

        def configure_optimizers(self) -> Any:
            opt = torch.optim.Adam(self.parameters(), 1e-2)
            return [opt], [torch.optim.lr_scheduler.StepLR(opt, 1)]

    model = Lit()
    trainer = lightning.Trainer(
        max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, gradient_clip_val=1.0, default_root_dir=folder,
    )  # fmt: skip
    trainer.fit(model, DataLoader(rows(), 16, shuffle=True), DataLoader(rows(32), 16))
    return model


def hugging_face(folder: Path) -> nn.Module:
    """The Trainer of transformers, on a tiny BERT made from its config: the model computes its own loss."""
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, num_labels=3,
        max_position_embeddings=16,
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config)
    generator = torch.Generator().manual_seed(0)
    data = [
        {"input_ids": torch.randint(1, 40, (12,), generator=generator), "labels": torch.tensor(i % 3)}
        for i in range(48)
    ]
    given = transformers.TrainingArguments(
        output_dir=str(folder), per_device_train_batch_size=8, num_train_epochs=2, report_to=[], use_cpu=True,
        save_strategy="no", eval_strategy="epoch", logging_strategy="no", disable_tqdm=True, learning_rate=1e-3,
        gradient_accumulation_steps=2, warmup_steps=2,
    )  # fmt: skip
    transformers.Trainer(model=model, args=given, train_dataset=data, eval_dataset=data[:16]).train()
    return model


def accelerated(folder: Path) -> nn.Module:
    """accelerate wraps model, optimizer, loader and scheduler."""
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True)
    net = body()
    opt = torch.optim.AdamW(net.parameters(), 1e-2)
    plan = torch.optim.lr_scheduler.LinearLR(opt, total_iters=10)
    model, optimizer, loader, schedule = accelerator.prepare(net, opt, DataLoader(rows(), 16, shuffle=True), plan)
    model.train()
    for _ in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            accelerator.backward(functional.cross_entropy(model(x), y))
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return net


def fastai_fit(folder: Path) -> nn.Module:
    """fastai: optimizers that are none of torch's."""
    learner, core = pytest.importorskip("fastai.learner"), pytest.importorskip("fastai.data.core")
    pytest.importorskip("fastai.callback.schedule")
    pytest.importorskip("fastai.callback.progress")
    model = body()
    loaders = core.DataLoaders(DataLoader(rows(), 16, shuffle=True), DataLoader(rows(32), 16))
    learn = learner.Learner(loaders, model, loss_func=nn.CrossEntropyLoss(), path=folder)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(3, 1e-2)
    return model


def skorch_fit(folder: Path) -> nn.Module:
    """skorch steps with a closure."""
    skorch = pytest.importorskip("skorch")
    net = skorch.NeuralNetClassifier(
        body(), criterion=nn.CrossEntropyLoss, optimizer=torch.optim.SGD, lr=0.05, max_epochs=3, batch_size=16,
        verbose=0, iterator_train__shuffle=True,
    )  # fmt: skip
    x, y = rows().tensors
    net.fit(x.numpy(), y.numpy().astype(np.int64))
    return net.module_


#: a framework, its steps, whether it schedules and validates
FRAMEWORKS: list[tuple[Callable[[Path], nn.Module], int, bool, bool]] = [
    (lightning_fit, 18, True, True),
    (hugging_face, 6, True, True),
    (accelerated, 18, True, False),
    (skorch_fit, 15, False, True),
    (fastai_fit, 18, False, True),
]


def ran(fit: Callable[[Path], nn.Module], folder: Path, context: Any) -> dict[str, Tensor]:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    with context:
        return fit(folder).state_dict()


@pytest.mark.parametrize(
    ("fit", "steps", "schedules", "validates"), FRAMEWORKS, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_framework_is_watched_and_computes_the_same(fit, steps, schedules, validates, tmp_path):
    bare = ran(fit, tmp_path, nullcontext())
    watcher = watch({})
    seen = ran(fit, tmp_path, watcher)
    assert bare.keys() == seen.keys()
    assert all(torch.equal(bare[name], seen[name]) for name in bare)
    trace: Trace = watcher.trace
    assert not [note for note in trace.notes if note.startswith("a bug")]
    assert trace.steps == steps
    assert trace.backwards >= steps
    assert trace.models, "no model was seen"
    (optimizer,) = trace.optimizers
    assert optimizer.leftover == optimizer.emptied == optimizer.strangers == 0
    assert bool(trace.schedulers) is schedules
    assert bool([s for s in trace.schedulers if s.steps]) is schedules
    passes = [p for model in trace.models for p in model.passes]
    assert any(p.trained for p in passes)
    assert any(not p.grad and not p.training for p in passes) is validates
    assert [p for p in passes if p.place.where == Path(__file__).name]
    assert trace.film is not None
    assert trace.film.kind == "classes"


class Momentum:
    """An optimizer of its own making: groups and state as torch's have them, and no hooks."""

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        self.param_groups: list[dict[str, Any]] = [{"params": list(params), "lr": lr}]
        self.state: dict[Tensor, Any] = {}

    def step(self) -> None:
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    p -= group["lr"] * p.grad

    def zero_grad(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None


def test_an_optimizer_that_is_none_of_torchs_is_watched_and_left_as_it_was(monkeypatch):
    """As fastai's, which is not installed everywhere."""
    module = ModuleType("fastai.optimizer")
    module.Optimizer = Momentum  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fastai.optimizer", module)
    before = Momentum.step
    net, watcher = body(), watch({})
    x, y = rows().tensors
    with watcher:
        optimizer = Momentum(net.parameters(), 0.05)
        for _ in range(7):
            optimizer.zero_grad()
            functional.cross_entropy(net(x), y).backward()
            optimizer.step()
    assert Momentum.step is before
    trace: Trace = watcher.trace
    assert not [note for note in trace.notes if note.startswith("a bug")]
    assert trace.steps == 7
    assert [(seen.kind, seen.steps) for seen in trace.optimizers] == [("Momentum", 7)]
    assert trace.optimizers[0].leftover == trace.optimizers[0].emptied == 0
