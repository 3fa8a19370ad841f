"""Whether a data set is there to be evaluated once, by what the user calls it."""

from __future__ import annotations

import re

#: words of a name that say test, and those that say it is there to choose by after all
TEST, CHOOSING = {"test", "testing"}, {"val", "valid", "validation", "dev", "eval", "train"}
#: other weights from which on it is a habit: a look before training and one after it are two
AGAIN = 3


def says_test(name: str) -> bool:
    """`test_loader`, `testloader`, `loaders['test']` and `X_test`; not `val_test`, `latest`, `contest`."""
    parts = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    words = {re.sub(r"^(test|val|valid)(loader|dataloader|set|data|dl|ds|iter)$", r"\1", part) for part in parts}
    return bool(words & TEST) and not words & CHOOSING
