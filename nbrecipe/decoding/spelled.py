"""Ids as tokens, by the names that the user's tokenizer or data set gives them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ..bench import Bench
from ..pictures.batch import Token, TokenKind
from ..tokens import Specials
from ..tokens.kept import SPECIAL, kept_table, role_of
from ..tokens.reading import names_of, reads, specials_of

#: tokens of a text that are shown
TOKENS = 64
#: targets that do not count, as torch's losses have it
IGNORED = -100
#: kinds that follow from a role
KINDS: dict[str, TokenKind] = {"padding": "padding", "unknown": "unknown"}


@dataclass(frozen=True)
class Speller:
    """How ids are read: the tokenizer, and the ids that are special."""

    tokenizer: Any
    padding: int | None = None
    specials: Specials = field(default_factory=Specials)

    @classmethod
    def of(cls, bench: Bench, padding: int | None = None) -> Speller:
        """From the bench's tokenizer, or the table of ids that its data set keeps; `padding` as the model has it."""
        tokenizer = bench.tokenizer
        if tokenizer is None:
            data = [bench.train_data, getattr(bench.train_loader, "dataset", None)]
            data += [getattr(thing, "dataset", None) for thing in data]
            tokenizer = next((table for thing in data if (table := kept_table(thing)) is not None), None)
        specials = specials_of(tokenizer)
        return cls(tokenizer, padding if specials.padding is None else specials.padding, specials)

    @property
    def known(self) -> bool:
        """Whether ids can be read as text."""
        return reads(self.tokenizer)

    def rows(self, ids: Tensor, kept: Tensor | None = None) -> tuple[tuple[Token, ...], ...]:
        """Each row of (K, T) ids as tokens, runs of padding in one; `kept` is a mask of what is no padding."""
        known = {int(i) for i in ids.flatten().tolist()}
        names = names_of(self.tokenizer, sorted(known - {IGNORED}))
        kinds: dict[int, TokenKind] = {i: self._kind(i, names.get(i)) for i in known}
        rows = []
        for r, row in enumerate(ids.tolist()):
            tokens: list[Token] = []
            for place, i in enumerate(row):
                masked = kept is not None and not bool(kept[r, place])
                kind: TokenKind = "padding" if masked else kinds[int(i)]
                text = names.get(int(i), str(i)) if kind != "ignored" else "–"
                last = tokens[-1] if tokens else None
                if last is not None and kind in ("padding", "ignored") and (last.kind, last.text) == (kind, text):
                    tokens[-1] = Token(text, kind, last.count + 1)
                else:
                    tokens.append(Token(text, kind))
            rows.append(_cut(tokens))
        return tuple(rows)

    def _kind(self, i: int, text: str | None) -> TokenKind:
        if i == IGNORED:
            return "ignored"
        word = (text or "").strip()
        role = "padding" if i == self.padding else "unknown" if i == self.specials.unknown else role_of(word)
        if role == "padding" and self.padding not in (None, i):
            role = None  # another one is
        special = i in self.specials.every or SPECIAL.fullmatch(word)
        return KINDS.get(role or "", "special" if special else "word")


def _cut(tokens: list[Token]) -> tuple[Token, ...]:
    """The first tokens, how many are not shown, and padding at the end."""
    if len(tokens) <= TOKENS:
        return tuple(tokens)
    end = tokens[-1:] if tokens[-1].kind == "padding" else []
    left = sum(token.count for token in tokens[TOKENS : len(tokens) - len(end)])
    more = [Token(f"… {left} more", "more")] if left else []
    return (*tokens[:TOKENS], *more, *end)
