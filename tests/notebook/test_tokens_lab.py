"""In JupyterLab: tokens answer to keys and pointer while a kernel runs, and reopened without one."""

from __future__ import annotations

import pytest
from test_lab import end_kernels, open_notebook, shot, write_notebook

pytestmark = pytest.mark.browser

CELLS = [
    "%load_ext nbrecipe",
    """import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

reviews = [
    "The plot is unbelievable, the ending \\N{SNOWMAN} is not: I would not see it again.",
    "Great fun",
    "A waste of time, the plot is thin and the ending is not good",
    "\\u0627\\u0644\\u0633\\u0644\\u0627\\u0645 \\u0639\\u0644\\u064a\\u0643\\u0645 great fun",
    "<script>window.stolen = true</script>",
] + [f"the plot of part {k} is great" for k in range(60)]
tok = Tokenizer(models.WordPiece(unk_token="[UNK]"))
tok.normalizer, tok.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
tok.decoder = decoders.WordPiece()
special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
tok.train_from_iterator(reviews[1:4] * 40, trainers.WordPieceTrainer(
    vocab_size=400, min_frequency=1, special_tokens=special, show_progress=False))
tok.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])""",
    "%tokens tok reviews --max-length 14",
    """rows = []
for text in reviews[:6]:
    ids = tok.encode(text).ids[:12]
    fill = 12 - len(ids)
    rows.append({"input_ids": torch.tensor(ids + [0] * fill),
                 "attention_mask": torch.tensor([1] * len(ids) + [0] * fill),
                 "labels": torch.tensor([-100] * 2 + ids[2:] + [-100] * fill)})
loader = torch.utils.data.DataLoader(rows, batch_size=6)""",
    "%tokens tok loader",
]
VIEW = ".nbr-texts"


def ready(page):
    page.wait_for_function(
        f"() => [...document.querySelectorAll('{VIEW}')].filter((one) => one.querySelector('.nbr-tk')).length === 2",
        timeout=120_000,
    )


def answers(page):
    """What keys and pointer tell, in the first output and in the second."""
    first, second = (page.locator(".nbr-shot").nth(k) for k in (0, 1))
    first.scroll_into_view_if_needed()
    first.locator(VIEW).focus()
    told = []
    for key in ("ArrowRight", "ArrowRight", "End", "ArrowDown"):
        page.keyboard.press(key)
        told.append(first.locator(".nbr-tip").inner_text())
    page.keyboard.press("Escape")
    second.scroll_into_view_if_needed()
    second.locator(".nbr-read .nbr-tk.nbr-counted").first.hover()
    told.append(second.locator(".nbr-tip").inner_text())
    failed = page.evaluate("() => [...document.querySelectorAll('.nbr-shot')].map((shot) => shot.dataset.failed ?? '')")
    cell = page.evaluate("() => window.jupyterapp.shell.currentWidget.content.mode")
    return {"told": told, "failed": failed, "mode": cell, "stolen": page.evaluate("() => window.stolen ?? null")}


@pytest.fixture(scope="module")
def saved(browser, lab):
    """A notebook run from top to bottom and saved; what was seen on the way."""
    write_notebook(lab[2] / "tokens.ipynb", CELLS)
    page = open_notebook(browser, lab, "tokens")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    try:
        ready(page)
        seen = answers(page)
    finally:
        shot(page, "lab-tokens-light")
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.close()
    end_kernels(lab)
    return seen


def test_keys_and_pointer_tell_ids_beside_a_running_kernel(saved):
    assert saved["failed"] == ["", ""]
    assert saved["stolen"] is None
    first, second, last, below, target = saved["told"]
    assert first.startswith("token 1 of ")
    assert "[CLS]" in first
    assert second.startswith("token 2 of ")
    assert "cut off at 14" in last
    assert below.startswith("token 1 of ")
    assert "counts in the loss" in target


@pytest.mark.parametrize(("dark", "width"), [(False, 1100), (True, 700)], ids=["light", "dark and narrow"])
def test_reopened_without_a_kernel_they_tell_the_same(browser, lab, saved, dark, width):
    page = open_notebook(browser, lab, "tokens", dark=dark, width=width)
    page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown() }")
    try:
        ready(page)
        assert answers(page) == saved
    finally:
        shot(page, f"lab-tokens-again-{'dark' if dark else 'light'}")
        page.close()
        end_kernels(lab)
