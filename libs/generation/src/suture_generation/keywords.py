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
        self._by_first: dict[str, list[tuple[tuple[str, ...], Owner]]] = {}
        for text, owner in keywords:
            words = words_of(text)
            if words:
                self._by_first.setdefault(words[0], []).append((words, owner))

    def said(self, text: str) -> dict[Owner, int]:
        """For each owner how many of its keywords the text says; one within another counts with it."""
        words = words_of(text)
        hits: dict[Owner, set[tuple[str, ...]]] = {}
        for position, word in enumerate(words):
            for keyword, owner in self._by_first.get(word, ()):
                if len(keyword) == 1 or words[position : position + len(keyword)] == keyword:
                    hits.setdefault(owner, set()).add(keyword)
        return {owner: _distinct(found) for owner, found in hits.items()}


def words_of(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


def _distinct(found: set[tuple[str, ...]]) -> int:
    if len(found) == 1:
        return 1
    texts = [f" {' '.join(keyword)} " for keyword in found]
    return sum(not any(text != other and text in other for other in texts) for text in texts)
