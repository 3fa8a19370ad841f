"""The two essays as data: stages, and the tips of each, told in our own words. Told only here.

Sources: Andrej Karpathy, "A Recipe for Training Neural Networks" (2019), and Victor Sanh, "Simple considerations for
simple people building fancy neural networks" (2021).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

#: "own" is the reader, for a check of theirs that carries out none of the essays' tips
Author = Literal["Karpathy", "Sanh", "own"]
ESSAYS: dict[Author, str] = {
    "Karpathy": "https://karpathy.github.io/2019/04/25/recipe/",
    "Sanh": "https://huggingface.co/blog/simple-considerations",
}


@dataclass(frozen=True)
class Tip:
    """One piece of advice; `line` is what to run next where a magic carries it out."""

    name: str
    advice: str
    author: Author
    section: str
    line: str = ""
    #: nothing of a later stage is worth doing while this one fails
    gate: bool = False
    #: the name of the stage of a tip that stands in no essay
    stage: str = ""

    @property
    def source(self) -> str:
        """Who says so, and where."""
        return self.section if self.author == "own" else f"{self.author}, {self.section}"


@dataclass(frozen=True)
class Stage:
    """A stage of the recipe and its tips, in the essays' order."""

    name: str
    title: str
    aim: str
    tips: tuple[Tip, ...]


#: name, advice and, where a magic carries it out, the line to run next and whether it is a gate
Row = tuple[str, str] | tuple[str, str, str] | tuple[str, str, str, bool]


def _tips(author: Author, section: str, *rows: Row) -> tuple[Tip, ...]:
    return tuple(Tip(row[0], row[1], author, section, *row[2:]) for row in rows)


DATA = Stage(
    "data",
    "Data",
    "Know the examples before any model does.",
    (
        *_tips(
            "Karpathy",
            "1 Become one with the data",
            ("look at the data", "Read hundreds of raw examples with their labels, not the first five.", "%browse"),
            (
                "duplicates and corruption",
                "Search for copies, broken inputs and broken labels; there usually are some.",
                "%inspect_data",
            ),
            (
                "imbalance and bias",
                "Count the labels, and ask what the majority answer alone would score.",
                "%inspect_data",
            ),
            (
                "search, filter, sort",
                "Sort by anything you can measure; the outliers on any axis tend to be bugs.",
                "%browse",
            ),
            (
                "noise of the labels",
                "Estimate how often the given label is wrong, and find those rows.",
                "%inspect_data",
            ),
        ),
        *_tips(
            "Sanh",
            "1 Start by putting machine learning aside",
            ("balanced labels", "Are the labels balanced, and do you agree with the gold ones?", "%inspect_data"),
            (
                "sources of noise",
                "Ask how the data came about and what could have gone wrong on the way.",
                "%inspect_data",
            ),
            (
                "rule-based answer",
                "Ask which simple rule would already do decently, and try it.",
                "%baseline --rule RULE",
            ),
            (
                "outputs of the tokenizer",
                "Look at what the tokenizer really produced: unknowns, cuts, special tokens.",
                "%tokens",
            ),
            (
                "truncated inputs",
                "See what a length limit cuts away, and whether the answer stood there.",
                "%tokens --max-length N",
            ),
        ),
    ),
)

SKELETON = Stage(
    "skeleton",
    "Skeleton",
    "A training and evaluation loop that is trusted, with baselines to beat.",
    (
        *_tips(
            "Karpathy",
            "2 Set up the end-to-end skeleton and dumb baselines",
            ("fix random seed", "Two runs of the same code should give the same numbers.", "%seed 0"),
            ("simplify", "Leave augmentation and every other fanciness out for now."),
            ("significant digits", "Evaluate on the whole test set; do not smooth over batches.", "%evaluate"),
            ("verify loss @ init", "The first loss has a value you can compute beforehand; measure it.", "%check_init"),
            (
                "init well",
                "Start the last layer at the prior: class frequencies, or the mean target.",
                "%check_init --fix",
            ),
            (
                "human baseline",
                "Measure how well you do yourself, in a metric people understand.",
                "%human_baseline",
            ),
            (
                "input-independent baseline",
                "With the inputs zeroed the model must do worse. Does it?",
                "%recipe input-independent",
            ),
            (
                "overfit one batch",
                "A few examples must be learned by heart, to the lowest loss.",
                "%%overfit_batch",
                True,
            ),
            ("verify decreasing training loss", "A little more capacity should lower the training loss.", "%%watch"),
            ("visualize just before the net", "Look at exactly what enters the model, decoded.", "%show_batch"),
            ("visualize prediction dynamics", "Watch predictions on one fixed batch move during training.", "%%watch"),
            ("chart dependencies", "Use gradients to see which output depends on which input.", "%chart_dependencies"),
            (
                "generalize a special case",
                "Write the slow, specific version first; then check the fast one against it.",
                "%%same_as LOOP",
            ),
        ),
        *_tips(
            "Sanh",
            "2 Continue as if you just started machine learning",
            (
                "simple baselines",
                "Run a linear model or bag of words first; a net that barely beats it is hard to justify.",
                "%%watch",
            ),
            ("random predictor", "Know the loss and the metric of guessing.", "%baseline"),
            ("right metric", "Ask what the metric can tell, and what even a perfect score would not.", "%evaluate"),
        ),
    ),
)

OVERFIT = Stage(
    "overfit",
    "Overfit",
    "A model large enough to fit the training set.",
    (
        *_tips(
            "Karpathy",
            "3 Overfit",
            ("picking the model", "Copy the simplest architecture that works for a related problem."),
            ("adam is safe", "Adam at 3e-4 forgives a lot; tune another optimizer later.", "%%watch"),
            ("complexify one at a time", "Add one signal at a time, and check that each one helps."),
            (
                "do not trust decay defaults",
                "A borrowed schedule may drive the rate to zero early; switch it off at first.",
                "%%watch",
            ),
        ),
        *_tips(
            "Sanh",
            "3 Look under the hood",
            ("overfit a small batch", "Sixteen examples, no regularisation, zero loss.", "%%overfit_batch"),
            ("wrong indexing", "Check that tensors are gathered along the right dimension.", "%%watch"),
            (
                "train and eval mode",
                "Evaluate in eval mode, train in train mode, clear gradients each step.",
                "%%watch",
            ),
            ("what the loss is given", "Logits or probabilities: the loss expects one of them.", "%%watch"),
            ("symmetry of the init", "Units that start equal stay equal.", "%check_init"),
            ("unused parameters", "Parameters that the forward pass never calls get no gradient.", "%%watch"),
            ("learning rate values", "See that the rate is what you think it is, at every step.", "%%watch"),
            ("training dynamics", "Watch the loss, the parameters and their gradients.", "%%watch"),
            ("look at model outputs", "Print a few predictions while the loss goes down.", "%%watch"),
        ),
    ),
)

REGULARISE = Stage(
    "regularise",
    "Regularise",
    "Give up some training accuracy for validation accuracy.",
    (
        *_tips(
            "Karpathy",
            "4 Regularize",
            ("get more data", "More real data is the best regulariser."),
            ("data augment", "Half-fake data is next best; creative fakes may help too.", "%show_augment"),
            (
                "pretrain",
                "A pretrained network rarely hurts; see that it really was loaded.",
                "%check_init --pretrained STATE",
            ),
            ("smaller input", "Drop features and pixels that carry no signal.", "%inspect_data"),
            ("smaller model", "Use what you know of the domain to cut the size."),
            ("decrease the batch size", "With batch norm, smaller batches regularise more.", "%%watch"),
            ("drop", "Add dropout, with care where batch norm follows."),
            ("weight decay", "Raise the penalty.", "%%watch"),
            ("early stopping", "Stop on the validation loss.", "%%watch"),
            ("try a larger model", "Stopped early, a larger model is often the better one."),
            ("first-layer weights", "Trained filters should show structure, not noise.", "%filters"),
            ("activations", "Odd artefacts inside the net hint at problems.", "%activations"),
        ),
        *_tips(
            "Sanh",
            "3 Look under the hood",
            ("overfitting", "Train loss down, validation loss up: see when it turns.", "%%watch"),
        ),
    ),
)

TUNE = Stage(
    "tune",
    "Tune",
    "Search, but not blindly.",
    (
        *_tips(
            "Karpathy",
            "5 Tune",
            ("random over grid search", "Sample at random: a few parameters matter far more than the rest."),
            ("hyper-parameter optimization", "A search library may help; your understanding helps more."),
        ),
        *_tips(
            "Sanh",
            "4 Tune but don't tune blindly",
            ("compare a couple of runs", "Find out which settings matter before running a thousand."),
            ("understand odd settings", "A strange best value points to something more fundamental."),
        ),
    ),
)

SQUEEZE = Stage(
    "squeeze",
    "Squeeze",
    "The last percent.",
    _tips(
        "Karpathy",
        "6 Squeeze out the juice",
        ("ensembles", "Averaging a handful of models almost always gains something."),
        ("leave it training", "Networks go on improving for longer than one expects."),
    ),
)

#: advice that both essays give: what carries out one carries out the other
SAME: dict[str, str] = {
    "overfit a small batch": "overfit one batch",
    "random predictor": "verify loss @ init",
    "balanced labels": "imbalance and bias",
}

STAGES: tuple[Stage, ...] = (DATA, SKELETON, OVERFIT, REGULARISE, TUNE, SQUEEZE)
TIPS: tuple[Tip, ...] = tuple(tip for stage in STAGES for tip in stage.tips)


def tip_named(name: str) -> Tip:
    """The tip of this name; LookupError names the nearest one."""
    for tip in TIPS:
        if tip.name == name:
            return tip
    near = difflib.get_close_matches(name, [tip.name for tip in TIPS], n=1)
    raise LookupError(f"the recipe has no tip {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


def stage_of(tip: Tip) -> Stage:
    """The stage a tip stands in."""
    return next(stage for stage in STAGES if tip in stage.tips or tip.stage == stage.name)
