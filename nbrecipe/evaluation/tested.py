"""What data are there for, by what the user calls them: to be evaluated once, or to be answered wrongly."""

from __future__ import annotations

import re

#: words of a name that say test, and those that say it is there to choose by after all
TEST, CHOOSING = {"test", "testing"}, {"val", "valid", "validation", "dev", "eval", "train"}
#: other weights from which on it is a habit: a look before training and one after it are two
AGAIN = 3
#: parts of names of data that are meant to be answered wrongly
MEANT = re.compile(r"adv|attack|fgsm|pgd|perturb|poison|backdoor|trigger|counterfact|corrupt|shuffl|permut", re.I)


def says_attacked(name: str) -> bool:
    """`adv_loader`, `fgsm_val`, `shuffled_dl`: whoever evaluates on these expects wrong answers."""
    return bool(MEANT.search(name))


def says_test(name: str) -> bool:
    """`test_loader`, `testloader`, `loaders['test']` and `X_test`; not `val_test`, `latest`, `contest`."""
    parts = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    words = {re.sub(r"^(test|val|valid)(loader|dataloader|set|data|dl|ds|iter)$", r"\1", part) for part in parts}
    return bool(words & TEST) and not words & CHOOSING
