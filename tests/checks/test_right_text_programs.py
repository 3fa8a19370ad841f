"""Every check of texts on right programs of many kinds: nothing is called a fault."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from texts import SAID, WORDS, fast, sentences
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset, TensorDataset
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertForTokenClassification,
    DataCollatorForLanguageModeling,
    DataCollatorForSeq2Seq,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    GPT2Config,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    T5Config,
    T5ForConditionalGeneration,
)

from nbrecipe import toys
from nbrecipe.bench import Bench, Cell
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECKS = [check for check in all_checks().values() if check.chapter == "text"]
TRAIN, VAL = sentences(160), sentences(64, seed=1)
NAMES = {"model": "net", "loss_fn": "criterion", "tokenizer": "tok"}
CALLED = (Cell(1, "loss = criterion(net(x), y)"), Cell(2, "loss = net(**batch).loss"))
CONFIG: dict[str, Any] = {"vocab_size": 48}
BERT = BertConfig(
    **CONFIG, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_labels=3
)
GPT = GPT2Config(**CONFIG, n_embd=16, n_layer=1, n_head=2, n_positions=64, pad_token_id=0, num_labels=3)
T5 = T5Config(**CONFIG, d_model=16, d_ff=16, num_layers=1, num_heads=2, d_kv=8, decoder_start_token_id=0)
IDS = {"<pad>": 0, "<unk>": 1} | {word: i for i, word in enumerate(WORDS, 2)}
LETTERS = {letter: i for i, letter in enumerate(sorted(set(" ".join([*TRAIN, *VAL]))))}


def made(kind: Callable[[Any], nn.Module], config: Any) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return kind(config)


def loaders(rows: Callable[[list[str]], Any], collate: Any = None, size: int = 16) -> dict[str, Any]:
    return {
        "train_loader": DataLoader(rows(TRAIN), batch_size=size, collate_fn=collate),
        "val_loader": DataLoader(rows(VAL), batch_size=size, collate_fn=collate),
    }


def bench(model: nn.Module | None, loss: Any = None, **more: Any) -> Bench:
    return Bench(model=model, loss_fn=loss, cells=CALLED, names=NAMES, **more)


def classified(style: str, kind: Any, config: Any, side: str = "right", **how: Any) -> Bench:
    tokenizer = fast(style, padding_side=side)
    rows = lambda said: [{**tokenizer(t, **how), "labels": i % 3} for i, t in enumerate(said)]  # noqa: E731
    return bench(made(kind, config), tokenizer=tokenizer, **loaders(rows, DataCollatorWithPadding(tokenizer)))


def pairs() -> Bench:
    tokenizer = fast("bert")
    rows = lambda said: [{**tokenizer(t, " ".join(t.split()[::-1])), "labels": i % 3} for i, t in enumerate(said)]  # noqa: E731
    net = made(BertForSequenceClassification, BERT)
    return bench(net, tokenizer=tokenizer, **loaders(rows, DataCollatorWithPadding(tokenizer)))


def masked_lm() -> Bench:
    tokenizer = fast("bert")
    rows = lambda said: [dict(tokenizer(text, return_special_tokens_mask=True)) for text in said]  # noqa: E731
    collate = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.3)
    return bench(made(BertForMaskedLM, BERT), tokenizer=tokenizer, **loaders(rows, collate))


def tagged() -> Bench:
    tokenizer = fast("bert")
    collate = DataCollatorForTokenClassification(tokenizer)

    def rows(said: list[str]) -> Any:
        encoded = [dict(tokenizer(text)) for text in said]
        return [{**e, "labels": [-100, *(i % 3 for i in e["input_ids"][1:-1]), -100]} for e in encoded]

    return bench(made(BertForTokenClassification, BERT), tokenizer=tokenizer, **loaders(rows, collate))


def causal(pad: str) -> Bench:
    """Texts with their end, masked where the attention mask is 0."""
    tokenizer = fast("llama" if pad == "own" else "gpt")

    def collate(said: list[str]) -> Any:
        given = tokenizer([f"{text} {tokenizer.eos_token}" for text in said], padding=True, return_tensors="pt")
        return {**given, "labels": given["input_ids"].masked_fill(given["attention_mask"] == 0, -100)}

    return bench(made(GPT2LMHeadModel, GPT), tokenizer=tokenizer, **loaders(list, collate))


def packed() -> Bench:
    tokenizer = fast("gpt")

    def rows(said: list[str]) -> Any:
        stream = tokenizer(" <|endoftext|> ".join(said))["input_ids"]
        blocks = [torch.tensor(stream[at : at + 16]) for at in range(0, len(stream) - 16, 16)]
        return [{"input_ids": block, "labels": block} for block in blocks]

    return bench(made(GPT2LMHeadModel, GPT), tokenizer=tokenizer, **loaders(rows))


def instructed() -> Bench:
    """The prompt is read and is no target; the answer ends."""
    tokenizer = fast("gpt")

    def rows(said: list[str]) -> Any:
        found = []
        for text in said:
            words = text.split()
            prompt = tokenizer(" ".join(words[:3]))["input_ids"]
            answer = [*tokenizer(" ".join(words[3:]))["input_ids"], tokenizer.eos_token_id]
            found.append({"input_ids": prompt + answer, "labels": [-100] * len(prompt) + answer})
        return found

    collate = DataCollatorForSeq2Seq(tokenizer)
    return bench(made(GPT2LMHeadModel, GPT), tokenizer=tokenizer, **loaders(rows, collate))


def translated() -> Bench:
    tokenizer = fast("t5")

    def rows(said: list[str]) -> Any:
        targets = [tokenizer(" ".join(text.split()[::-1][:5]))["input_ids"] for text in said]
        return [{**tokenizer(text), "labels": target} for text, target in zip(said, targets, strict=True)]

    return bench(
        made(T5ForConditionalGeneration, T5), tokenizer=tokenizer, **loaders(rows, DataCollatorForSeq2Seq(tokenizer))
    )


class Recurrent(nn.Module):
    """A recurrent net over words: a class for a text, or one for each place."""

    def __init__(self, size: int, out: int, each: bool = False, both: bool = False) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.table = nn.Embedding(size, 12, padding_idx=0)
            self.cells = nn.GRU(12, 12, batch_first=True, bidirectional=both)
            self.head, self.each = nn.Linear(24 if both else 12, out), each

    def forward(self, ids: Tensor) -> Tensor:
        sizes = (ids != 0).sum(1).clamp(min=1).cpu()
        some = pack_padded_sequence(self.table(ids), sizes, batch_first=True, enforce_sorted=False)
        made = pad_packed_sequence(self.cells(some)[0], batch_first=True, total_length=ids.shape[1])[0]
        if self.each:
            return self.head(made)
        kept = (ids != 0)[..., None]
        return self.head((made * kept).sum(1) / kept.sum(1).clamp(min=1))


class Texts(Dataset[Any]):
    """Texts that are encoded when they are asked for, with the training texts' vocabulary."""

    def __init__(self, said: list[str], vocab: dict[str, int]) -> None:
        self.said, self.vocab = said, vocab

    def __len__(self) -> int:
        return len(self.said)

    def __getitem__(self, i: int) -> Any:
        return torch.tensor([self.vocab.get(word, 1) for word in self.said[i].split()]), i % 3


def stacked(rows: Any) -> Any:
    ids, labels = zip(*rows, strict=True)
    return pad_sequence(list(ids), batch_first=True), torch.tensor(labels)


def of_words(both: bool = False) -> Bench:
    splits = {name: DataLoader(Texts(said, IDS), batch_size=16, collate_fn=stacked)
              for name, said in (("train_loader", TRAIN), ("val_loader", VAL))}  # fmt: skip
    return bench(Recurrent(len(IDS), 3, both=both), nn.CrossEntropyLoss(), **splits)


def of_letters() -> Bench:
    splits = {}
    for name, said in (("train_loader", TRAIN), ("val_loader", VAL)):
        ids = torch.tensor([LETTERS[letter] for letter in " ".join(said)])
        cut = len(ids) // 33 * 33
        rows = ids[:cut].view(-1, 33)
        splits[name] = DataLoader(TensorDataset(rows[:, :-1], rows[:, 1:]), batch_size=16)
    return bench(toys.lm(len(LETTERS), length=32), toys.token_loss, tokenizer=LETTERS, **splits)


def of_bytes() -> Bench:
    """Bytes as ids, 256 of them and an end, as ByT5 has them."""
    rows = lambda said: [(torch.tensor([*text.encode(), 256]), i % 3) for i, text in enumerate(said)]  # noqa: E731
    return bench(Recurrent(384, 3), nn.CrossEntropyLoss(), tokenizer=lambda t: [*t.encode()], **loaders(rows, stacked))


def shifted_by_hand(pad: int = 0) -> Bench:
    def collate(said: list[str]) -> Any:
        ids = pad_sequence(
            [torch.tensor([2, *(IDS[word] for word in text.split()), 3]) for text in said], batch_first=True
        )
        return ids[:, :-1], ids[:, 1:]

    def loss(out: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(out.flatten(0, 1), y.flatten(), ignore_index=pad)

    return bench(Recurrent(len(IDS), len(IDS), each=True), loss, **loaders(list, collate))


def autoencoded() -> Bench:
    def collate(said: list[str]) -> Any:
        ids = pad_sequence([torch.tensor([IDS[word] for word in text.split()]) for text in said], batch_first=True)
        return ids, ids.masked_fill(ids == 0, -100)

    def loss(out: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(out.flatten(0, 1), y.flatten())

    return bench(Recurrent(len(IDS), len(IDS), each=True, both=True), loss, **loaders(list, collate))


def bags() -> Bench:
    """Counts of words, which are no ids."""
    rows = lambda said: TensorDataset(  # noqa: E731
        torch.tensor([[text.split().count(word) for word in WORDS] for text in said]).float(),
        torch.arange(len(said)) % 3,
    )
    return bench(toys.mlp((len(WORDS), 16, 3)), nn.CrossEntropyLoss(), **loaders(rows))


def embedding_bags() -> Bench:
    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bag, self.head = nn.EmbeddingBag(len(IDS), 8), nn.Linear(8, 3)

        def forward(self, flat: Tensor, offsets: Tensor) -> Tensor:
            return self.head(self.bag(flat, offsets))

    def collate(rows: Any) -> Any:
        ids, labels = zip(*rows, strict=True)
        sizes = torch.tensor([0, *map(len, ids)])
        return torch.cat(ids), sizes.cumsum(0)[:-1], torch.tensor(labels)

    splits = {"train_loader": DataLoader(Texts(TRAIN, IDS), batch_size=16, collate_fn=collate)}
    return bench(Bag(), nn.CrossEntropyLoss(), tokenizer=IDS, **splits)


def heard() -> Bench:
    """Sounds in, letters out, by connectionist temporal classification: targets are shorter than inputs."""

    class Listener(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cells, self.head = nn.GRU(5, 8, batch_first=True), nn.Linear(8, len(LETTERS) + 1)

        def forward(self, sound: Tensor) -> Tensor:
            return self.head(self.cells(sound)[0]).log_softmax(-1)

    def loss(out: Tensor, y: Tensor) -> Tensor:
        sizes = torch.full((len(out),), out.shape[1])
        return F.ctc_loss(out.transpose(0, 1), y, sizes, torch.full((len(y),), y.shape[1]), blank=len(LETTERS))

    g = toys.seeded()
    data = TensorDataset(torch.randn(64, 40, 5, generator=g), torch.randint(len(LETTERS), (64, 9), generator=g))
    return bench(Listener(), loss, train_loader=DataLoader(data, batch_size=16), tokenizer=LETTERS)


def dropped() -> Bench:
    """Words are dropped in training, as for a decoder that shall not lean on them."""
    draw = random.Random(0)

    def rows(said: list[str]) -> Any:
        share = 0.6 if said is TRAIN else 0.0
        return [
            (torch.tensor([1 if draw.random() < share else IDS[word] for word in text.split()]), i % 3)
            for i, text in enumerate(said)
        ]

    return bench(Recurrent(len(IDS), 3), nn.CrossEntropyLoss(), tokenizer=IDS, **loaders(rows, stacked))


def ranked(style: str = "plain") -> Bench:
    """tiktoken with bytes for its ranks."""
    import tiktoken

    ranks = {bytes([i]): i for i in range(256)}
    tokenizer = tiktoken.Encoding(
        "bytes", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 256}
    )
    ids = torch.tensor([i for text in TRAIN for i in [*tokenizer.encode(text), 256]])
    rows = ids[: len(ids) // 33 * 33].view(-1, 33)
    data = TensorDataset(rows[:, :-1], rows[:, 1:])
    net = toys.lm(320, length=32)
    return bench(net, toys.token_loss, train_loader=DataLoader(data, batch_size=16), tokenizer=tokenizer)


def pixels() -> Bench:
    g = toys.seeded()
    ids = torch.randint(0, 16, (64, 33), generator=g) * (torch.arange(33) < 28)
    data = TensorDataset(ids[:, :-1], ids[:, 1:])
    return bench(toys.lm(16, length=32), toys.token_loss, train_loader=DataLoader(data, batch_size=16))


def texts_of_a_frame() -> Bench:
    rows: Any = [{"text": text, "label": i % 3} for i, text in enumerate(TRAIN)]
    return bench(None, train_data=rows, val_data=rows[:64], tokenizer=fast("bert"))


def chats() -> Bench:
    said = [f"<|im_start|>user\n{t}<|im_end|>\n<|im_start|>assistant\nyes<|im_end|>\n" for t in TRAIN]
    return bench(None, train_data=[{"text": text} for text in said])


def regressed() -> Bench:
    """Rows of sensors that are whole numbers, without any text."""
    data = TensorDataset(torch.randint(0, 900, (128, 12), generator=toys.seeded()).float(), torch.rand(128, 1))
    return bench(toys.mlp((12, 8, 1)), nn.MSELoss(), train_loader=DataLoader(data, batch_size=16))


PROGRAMS: dict[str, Callable[[], Bench]] = {
    "classes, transformers": lambda: classified("bert", BertForSequenceClassification, BERT),
    "classes, cut by the tokenizer": lambda: classified(
        "bert", BertForSequenceClassification, BERT, truncation=True, max_length=10
    ),
    "classes, RoBERTa's tokens": lambda: classified("roberta", BertForSequenceClassification, BERT),
    "classes by a decoder": lambda: classified("gpt", GPT2ForSequenceClassification, GPT),
    "pairs of texts": pairs,
    "masked language model": masked_lm,
    "tagging": tagged,
    "causal, a padding of its own": lambda: causal("own"),
    "causal, padding is the end": lambda: causal("end"),
    "packed": packed,
    "instructions with masked prompts": instructed,
    "translation": translated,
    "words": of_words,
    "words both ways": lambda: of_words(both=True),
    "letters": of_letters,
    "bytes": of_bytes,
    "tiktoken": ranked,
    "shifted by hand": shifted_by_hand,
    "autoencoder": autoencoded,
    "counts of words": bags,
    "bags": embedding_bags,
    "sound to letters": heard,
    "words dropped in training": dropped,
    "pixels as tokens": pixels,
    "texts of a frame": texts_of_a_frame,
    "chats": chats,
    "numbers": regressed,
    "next token": toys.next_token,
    "pictures": toys.images,
}


@pytest.fixture(scope="module", params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> tuple[str, Bench]:
    """Each program once; what its checks measure is shared between them, as in a notebook."""
    return request.param, PROGRAMS[request.param]()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_right_programs_are_accused_of_nothing(program, check):
    found = run(check, program[1]).finding
    assert found.verdict not in (Verdict.BAD, Verdict.CRASHED), f"{found.verdict}: {found.message} {found.where}"


def test_the_words_are_there():
    assert len(WORDS) == len(set(WORDS)) == len(SAID.split())
