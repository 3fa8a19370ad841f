"""Reports of invented findings, with pictures drawn from their numbers."""

from __future__ import annotations

from types import SimpleNamespace

import films

from nbrecipe.finding import Finding, Result, Verdict, bad, hint, ok, skipped
from nbrecipe.recipe import tip_named
from nbrecipe.report import Report

#: the checks there are in these tests, by the tip that each carries out
TIPS = {
    "unseeded": "fix random seed",
    "loss-at-init": "verify loss @ init",
    "final-bias": "init well",
    "vanishing-signal": "init well",
    "dead-units": "init well",
    "saturated-units": "init well",
    "exploding-signal": "init well",
    "cannot-overfit": "overfit one batch",
    "symmetric-init": "symmetry of the init",
    "nothing-loaded": "pretrain",
    "pretrained-overwritten": "pretrain",
}
CHECKS = {name: SimpleNamespace(id=name, tip=tip_named(tip), drawing=None) for name, tip in TIPS.items()}


def bars(ax, seen):
    ax.barh(["guessing", "yours"], [seen["expected"], seen["loss"]], color=["C2", "C1"], height=0.6)
    for y, value in enumerate([seen["expected"], seen["loss"]]):
        ax.annotate(f"{value:g}", (value, y), xytext=(3, 0), textcoords="offset points", va="center")
    ax.set_xticks([])
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    ax.figure.set_size_inches(1.9, 0.5)


def layers(ax, seen):
    ax.axhspan(0.8, 1.2, color="C2", alpha=0.25, linewidth=0)
    ax.plot(seen["forward"], "o-", color="C0")
    ax.set_xlabel("layer")
    ax.set_ylabel("variance")
    ax.figure.set_size_inches(2.3, 1.1)


DRAWN = {"loss-at-init": bars, "final-bias": bars, "vanishing-signal": layers}
LOSS = bad(
    "loss at init is **4.607**; these labels give **2.303 ± 0.004**",
    fix="Start the last layer's weight at zero.", code="nn.init.zeros_(net.head.weight)",
    why="the last layer starts 30 times too large", where="`net.head`", loss=4.607, expected=2.303,
)  # fmt: skip
BIAS = hint(
    "the last bias is not the prior: **0.31 nats** are spent on learning it",
    fix="Set the bias of `net.head` to the log class frequencies.",
    code="net.head.bias.data = (labels.bincount() / len(labels)).log()",
    why="class 1 is 9 % of the labels", loss=0.62, expected=0.31,
)  # fmt: skip


def init() -> Report:
    results = [
        Result("loss-at-init", "The loss at init is that of a guess", LOSS, 0.02),
        Result("final-bias", "The last bias is the prior", BIAS, 0.01),
        Result("vanishing-signal", "The signal keeps its variance", ok(
            "signal keeps its variance over **18 layers**: 0.94 to 1.21 forward, 0.81 to 1.07 backward",
            why="held for He init, ±0.1 by sampling", forward=[1, 0.97, 1.05, 0.94, 1.1, 1.21])),
        Result("symmetric-init", "Units start different", ok("no two of **64** units of `net.conv1` start equal")),
        Result("dead-units", "Units are alive", ok("**0 of 512** ReLU units are off on all **64** examples")),
        Result("saturated-units", "Units are not at their ends", ok("`net` has no tanh or sigmoid layer")),
        Result("exploding-signal", "The signal does not explode", ok("gradients grow by **1.07** a layer at most")),
        Result("nothing-loaded", "Loaded weights arrive", skipped(
            "needs `pretrained`", code="%bind pretrained=state_dict")),
        Result("pretrained-overwritten", "Loaded weights stay", skipped(
            "needs `pretrained`", code="%bind pretrained=state_dict")),
    ]  # fmt: skip
    report = Report("Initialisation of `net`", note="your model is as it was", seconds=0.21)
    return report.add(results)


def overfit(film=films.classes) -> Report:
    found = bad(
        "**15 of 16** examples reach their label after **120** steps; example **11** stays at p = **0.33**",
        fix="Look at rows 4 and 11: the same input has two labels.", code="xb[4].equal(xb[11]), yb[4], yb[11]",
        why="the loss stalls at 0.0097 where 0 can be reached", film=film(), loss=0.0097,
    )  # fmt: skip
    report = Report(
        "Overfit one batch",
        note="off for this test: dropout 0.2, weight decay 0.01; your model is as it was",
        seconds=3.4,
    )
    return report.add([Result("cannot-overfit", "One batch can be learned by heart", found, 3.4)])


def crash() -> Report:
    found = Finding(
        Verdict.CRASHED, "ValueError: <script>alert(1)</script>", where="nbrecipe/checks/init/dead_units.py:41",
        fix="This is a bug of nbrecipe; please report it with the line below.",
    )  # fmt: skip
    return Report("Checks").add([Result("dead-units", "Units are alive", found)])


def healthy() -> Report:
    held = [result for result in init() if result.verdict is Verdict.OK]
    return Report("Initialisation of `net`", note="your model is as it was", seconds=0.18).add(held)
