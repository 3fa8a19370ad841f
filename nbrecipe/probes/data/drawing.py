"""Where random numbers are drawn in what a data set reaches, and what its names say of them."""

from __future__ import annotations

import ast
import dis
import re
import types
from collections.abc import Iterable
from typing import Any

from torch.utils.data import Dataset

from ...bench import Bench
from ...task.users import is_users
from .held import Held, codes_of, words_in

#: names of functions and methods that draw
_DRAWS = frozenset(
    {
        "rand", "randn", "randint", "random", "uniform", "normal", "choice", "choices", "shuffle", "permutation",
        "randperm", "bernoulli", "rand_like", "randn_like", "randint_like", "sample", "multinomial", "integers",
        "binomial", "beta", "betavariate", "gauss", "standard_normal", "uniform_", "normal_", "bernoulli_",
        "random_sample", "randrange", "normalvariate", "exponential", "poisson", "laplace", "getrandbits",
    }
)  # fmt: skip
#: libraries of augmentations, and what their random ones are called
_LIBRARIES = frozenset({"torchvision", "albumentations", "kornia", "monai", "torchaudio", "audiomentations", "timm"})
_AUGMENTS = re.compile(r"Rand|Augment|AugMix|Jitter|Flip|Erasing|Elastic|Cutout|Noise|Dropout|Mix|Shuffle|Masking|Blur")
#: what is drawn at evaluation by design, told by a name: test-time augmentation, pairs of views, noise to be predicted
MEANT = re.compile(
    r"tta(?![a-z])|test_?time|sim_?clr|byol|moco|contrast|(two|multi)_?(crop|view)|siamese|triplet|diffusion|ddpm|"
    r"denois|dequant|episod|few_?shot|simulat|synthe|generated|stochastic|monte_?carlo|negative_?sampl|masked_?l",
    re.IGNORECASE,
)
_INIT = "__init__"


def drawing(things: Iterable[Held]) -> list[Held]:
    """Transforms and functions that draw by their code or by their name; data sets only where nothing else does."""
    found = [thing for thing in things if draws(thing.value)]
    beside = [thing for thing in found if not isinstance(thing.value, Dataset)]
    return beside or found


def draws(value: Any) -> bool:
    """Whether a function, or an object whose class is the user's, names a way to draw; or a library's class says so."""
    if isinstance(value, (type, types.ModuleType)):
        return False
    if is_library_augmentation(value):
        return True
    return any(
        code.co_name != _INIT and is_users(code.co_filename) and _DRAWS & set(words_in(code, strings=False))
        for code in codes_of(value)
    )


def is_library_augmentation(value: Any) -> bool:
    """Whether an object is a random transform of a well-known library, by its class's name."""
    kind = type(value)
    return kind.__module__.split(".")[0] in _LIBRARIES and bool(_AUGMENTS.search(kind.__name__))


def told(thing: Held) -> str:
    """A thing that draws, as one would point at it."""
    if isinstance(thing.value, types.FunctionType):
        return f"`{thing.value.__name__}`" if thing.value.__name__ != "<lambda>" else f"the lambda `{thing.path}`"
    if isinstance(thing.value, Dataset):
        reading = next((n for n in ("__getitem__", "__getitems__") if hasattr(type(thing.value), n)), "__getitem__")
        return f"`{type(thing.value).__name__}.{reading}`"
    return f"`{thing.path}` ({type(thing.value).__name__})"


def says_meant(things: Iterable[Held], names: Iterable[str]) -> str:
    """The name, of a class, function or variable, that says that drawing is meant; "" where none does."""
    for name in names:
        if MEANT.search(name):
            return name
    for thing in things:
        value = thing.value
        own = isinstance(value, (Dataset, types.FunctionType)) or draws(value)
        called = getattr(value, "__name__", type(value).__name__) if own else ""
        if called and MEANT.search(called):
            return called
    return ""


def switched(bench: Bench, things: Iterable[Held]) -> str:
    """An attribute of data sets and of what draws that is set after they are made, so that drawing may be switched off.

    It is set by a method, or in a function or a loop of a cell, and so again when it is time to validate.
    """
    things = list(things)
    drawn = {id(thing.value) for thing in drawing(things)}
    set_later = {name for cell in bench.cells for name in _set_in_functions(cell.source)}
    for thing in things:
        if id(thing.value) not in drawn and not isinstance(thing.value, Dataset):
            continue
        flags = [key for key, item in (getattr(thing.value, "__dict__", None) or {}).items() if _is_switch(item)]
        later = {
            key
            for code in codes_of(thing.value)
            if code.co_name not in (_INIT, "__setstate__")
            for key in flags
            if key in _stored(code)
        }
        for key in flags:
            if key in later or key in set_later:
                return f"{thing.path}.{key}"
    return ""


def _set_in_functions(source: str) -> set[str]:
    """Attributes of other things than `self` that functions and loops of a cell set."""
    plain = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())
    try:
        tree = ast.parse(plain)
    except SyntaxError:
        return set()
    inner = [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.For, ast.While))]
    return {
        target.attr
        for block in inner
        for node in ast.walk(block)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute) and not (isinstance(target.value, ast.Name) and target.value.id == "self")
    }


def _is_switch(value: Any) -> bool:
    return value is None or isinstance(value, (bool, str)) or callable(value)


def _stored(code: types.CodeType) -> set[str]:
    """Attributes that a function sets."""
    return {str(step.argval) for step in dis.get_instructions(code) if step.opname == "STORE_ATTR"}
