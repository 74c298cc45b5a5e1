"""Which keywords a text says: by whole words, in any case, whatever stands between the words."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Owner = TypeVar("Owner", bound=Hashable)
_WORD = re.compile(r"[a-z0-9]+")


class Keywords(Generic[Owner]):
    """Keywords and who they speak for; a text is read once, however many keywords there are."""

    def __init__(self, keywords: Iterable[tuple[str, Owner]]) -> None:
        self._by_first: dict[str, list[tuple[str, Owner]]] = {}
        for text, owner in keywords:
            words = words_of(text)
            if words:
                self._by_first.setdefault(words[0], []).append((f" {' '.join(words)} ", owner))

    def said(self, text: str) -> dict[Owner, int]:
        """For each owner how many of its keywords the text says; one within another counts with it."""
        words = words_of(text)
        spaced = f" {' '.join(words)} "
        hits: dict[Owner, set[str]] = {}
        for word in self._by_first.keys() & words:
            for keyword, owner in self._by_first[word]:
                if keyword in spaced:
                    hits.setdefault(owner, set()).add(keyword)
        return {owner: len(found) if len(found) == 1 else _distinct(found) for owner, found in hits.items()}


def words_of(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


def _distinct(found: set[str]) -> int:
    return sum(not any(keyword != other and keyword in other for other in found) for keyword in found)
