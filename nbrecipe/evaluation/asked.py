"""Metrics that the user asks for: by name, by scikit-learn's, as a function, as an object of torchmetrics."""

from __future__ import annotations

import copy
import inspect
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ..batches import BadInput
from ..libraries import made_by, sklearn
from ..statistics.bootstrap import MANY, SAMPLES, bootstrap
from ..statistics.interval import Interval
from .answers import Answers, Array
from .metric import Metric

#: seconds that resampling one metric may take, and the fewest samples; a ladder asks for it once a rung
SECONDS, FEWEST = 1.0, 200
Value = Callable[[Answers], float]
#: what people call a metric, and what scikit-learn does, that is one of ours or another name of scikit-learn's
ALIASES = {
    "accuracy_score": "accuracy", "balanced_accuracy": "balanced accuracy", "balanced_accuracy_score":
    "balanced accuracy", "f1_macro": "macro f1", "f1_micro": "micro f1", "roc_auc": "auc", "roc_auc_score": "auc",
    "auroc": "auc", "roc auc": "auc", "average_precision": "average precision", "average_precision_score":
    "average precision", "ap": "average precision", "map": "mean average precision", "r2": "r²", "r2_score": "r²",
    "mean_absolute_error": "mae", "root_mean_squared_error": "rmse", "mcc": "matthews_corrcoef",
    "mape": "mean_absolute_percentage_error", "mse": "mean_squared_error", "kappa": "cohen_kappa_score",
    "iou": "mean iou",
}  # fmt: skip
#: functions of scikit-learn that want probabilities, though their second argument is not called so
SHARES = ("log_loss", "d2_log_loss_score")


def asked_metrics(asked: Sequence[Any], usual: Sequence[Metric]) -> tuple[Metric, ...]:
    """Those asked for, in their order, then the usual ones. Raises BadInput for what is none."""
    by_name = {metric.name.lower(): metric for metric in usual}
    found = [_known(one, by_name) or _metric(one, by_name) for one in asked]
    rest = [metric for metric in usual if all(metric.name != one.name for one in found)]
    return (*found, *rest)


def names_known() -> list[str]:
    """What a metric may be called in one word; the names of scikit-learn are among them once it is imported."""
    loaded = sys.modules.get("sklearn.metrics")
    theirs = loaded.get_scorer_names() if loaded is not None else []
    return sorted({name for name in ALIASES if " " not in name} | {"accuracy", "log_loss", "rmse", "mae", *theirs})


def _known(one: Any, usual: dict[str, Metric]) -> Metric | None:
    """One of ours, by its own name or another; it keeps the name that it was asked by."""
    if not isinstance(one, str):
        return None
    name = one.strip()
    found = usual.get(name.lower())
    if found is not None:
        return found
    same = usual.get(ALIASES.get(name.lower(), ""))
    return None if same is None else replace(same, name=name)


def _metric(one: Any, usual: dict[str, Metric]) -> Metric:
    if isinstance(one, str):
        return _named(one.strip(), usual)
    if made_by(one) == "torchmetrics":
        return Metric(type(one).__name__, _sign(one), _resampled(_of_torchmetrics(one)), "by torchmetrics")
    if hasattr(one, "_score_func"):
        return _of_scorer(one, one._score_func.__name__)
    if callable(one):
        name = getattr(one, "__name__", type(one).__name__)
        return Metric(str(name), 0, _resampled(_of_function(one)), "a function of targets and answers")
    raise BadInput(f"`{one!r}` is no metric: give a name, a function f(y_true, y_pred) or a metric of torchmetrics")


def _named(name: str, usual: dict[str, Metric]) -> Metric:
    metrics = sklearn("metrics")
    asked, scorers = name, metrics.get_scorer_names()
    name = name if name in scorers or hasattr(metrics, name) else ALIASES.get(name.lower(), name)
    if name in scorers:
        return _of_scorer(metrics.get_scorer(name), asked)
    function = getattr(metrics, name, None)
    if callable(function) and not isinstance(function, type) and not name.startswith("make_"):
        better = -1 if name.endswith(("_error", "_loss", "_deviance")) else 1
        return Metric(asked, better, _resampled(_of_function(function)), "by scikit-learn")
    known = ", ".join(f"`{metric.name}`" for metric in usual.values())
    such = "max_error" if "mae" in usual else "f1_weighted"
    raise BadInput(f"`{asked}` is no metric here: it may be {known}, or one that scikit-learn calls so (`{such}`)")


def _of_scorer(scorer: Any, name: str) -> Metric:
    """A scorer of scikit-learn asks for classes or for probabilities, and may turn the sign."""
    way = scorer._response_method
    wanted = (way,) if isinstance(way, str) else tuple(way)
    shares = "predict" not in wanted

    def value(answers: Answers) -> float:
        target, answer = _pair(answers)
        told = _shares(answers) if shares else answer
        return float(scorer._sign * scorer._score_func(target, told, **scorer._kwargs))

    return Metric(name, 1, _resampled(value), "by scikit-learn")


def _of_function(function: Callable[..., Any]) -> Value:
    """A function of targets and answers; one that calls its second argument a score or a probability gets these."""
    shares = _takes_shares(function)

    def value(answers: Answers) -> float:
        target, answer = _pair(answers)
        found = function(target, _shares(answers) if shares else answer)
        if np.size(found) != 1:
            raise BadInput(f"a metric gives one number; this one gives {np.size(found)}")
        return float(np.asarray(found).reshape(()))

    return value


def _takes_shares(function: Callable[..., Any]) -> bool:
    try:
        second = list(inspect.signature(function).parameters)[1:2]
    except (TypeError, ValueError):
        return False
    named = any(part in second[0].lower() for part in ("score", "prob", "decision")) if second else False
    return named or getattr(function, "__name__", "") in SHARES


def _of_torchmetrics(metric: Any) -> Value:
    """A copy is asked, so that the user's own keeps what it has counted."""
    own = copy.deepcopy(metric).cpu()

    def value(answers: Answers) -> float:
        target, answer = _pair(answers)
        given = answers.probabilities if answers.probabilities is not None else answer
        own.reset()
        own.update(torch.as_tensor(given), torch.as_tensor(target))
        found = torch.as_tensor(own.compute())
        if found.numel() != 1:
            raise BadInput(f"a metric gives one number; `{type(metric).__name__}` gives {found.numel()}")
        return float(found)

    return value


def _sign(metric: Any) -> int:
    return {True: 1, False: -1}.get(getattr(metric, "higher_is_better", None), 0)  # type: ignore[arg-type]


def _pair(answers: Answers) -> tuple[Array, Array]:
    if answers.target is None or answers.answer is None:
        raise BadInput(f"this metric needs an answer for each row; of {answers.kind} only sums are kept")
    target, answer = answers.target, answers.answer
    if str(answers.kind) in ("binary", "multi-label"):
        return target.astype(np.int64), np.nan_to_num(answer).astype(np.int64)
    return target, answer


def _shares(answers: Answers) -> Array:
    given = answers.probabilities
    if given is None:
        raise BadInput("this metric needs probabilities, which these answers have none of")
    return given[:, 1] if given.ndim == 2 and given.shape[1] == 2 else given


def _resampled(value: Value) -> Callable[[Answers], tuple[float, Interval]]:
    """A metric that is asked anew for each sample; slow ones are asked less often, and the method says how often."""

    def of(answers: Answers) -> tuple[float, Interval]:
        start = time.perf_counter()
        try:
            found = value(answers)
        except BadInput:
            raise
        except Exception as error:
            raise BadInput(f"the metric fails on these answers: {type(error).__name__}: {error}") from error
        took = max(time.perf_counter() - start, 1e-6)
        samples = int(min(SAMPLES, max(FEWEST, SECONDS / took)))
        return found, bootstrap(lambda rows: _quietly(value, answers.at(rows)), len(answers),
                                samples=samples if len(answers) <= MANY else SAMPLES)  # fmt: skip

    return of


def _quietly(value: Value, answers: Answers) -> float:
    """NaN where a sample does not define the metric, as one without a class."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return value(answers)
        except Exception:
            return float("nan")
