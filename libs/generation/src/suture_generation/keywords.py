"""Which keywords a text says: by whole words, in any case and ending, whatever stands between the words."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from functools import lru_cache
from typing import Generic, TypeVar

Owner = TypeVar("Owner", bound=Hashable)
_WORD = re.compile(r"[a-z0-9]+")
_WITHIN_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_APART = "|"
_ENDINGS = (
    ("ies", "y"),
    ("ing", ""),
    ("sses", "ss"),
    ("ss", "ss"),
    ("ed", ""),
    ("us", "us"),
    ("s", ""),
    ("e", ""),
)
_SHORTEST_STEM = 3


class Keywords(Generic[Owner]):
    """Keywords and who they speak for; a text is read once, however many keywords there are."""

    def __init__(self, keywords: Iterable[tuple[str, Owner]]) -> None:
        self._by_first: dict[str, list[tuple[str, Owner]]] = {}
        for text, owner in keywords:
            words = words_of(text)
            if words:
                self._by_first.setdefault(words[0], []).append((f" {' '.join(words)} ", owner))

    def said(self, text: str) -> dict[Owner, tuple[int, int]]:
        """For each owner how many of its keywords the text says, and in how many words.

        A keyword within another counts with it; between equals, who says more words means it more exactly.
        """
        words = _readings(text)
        spaced = f" {' '.join(words)} "
        hits: dict[Owner, set[str]] = {}
        for word in self._by_first.keys() & words:
            for keyword, owner in self._by_first[word]:
                if keyword in spaced:
                    hits.setdefault(owner, set()).add(keyword)
        return {owner: _weight(found) for owner, found in hits.items()}


def _readings(text: str) -> tuple[str, ...]:
    """The words as they are, then those within names such as "NodeFilesystemFull"."""
    apart = _WITHIN_CAMEL_CASE.sub(" ", text)
    return words_of(text) if apart == text else (*words_of(text), _APART, *words_of(apart))


def words_of(text: str) -> tuple[str, ...]:
    """The words without their endings, so that "deadlocked" says "deadlock" and "policies" says "policy"."""
    return tuple(map(_stem, _WORD.findall(text.casefold())))


@lru_cache(maxsize=4_096)
def _stem(word: str) -> str:
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            stem = word.removesuffix(ending) + instead
            # "stopping" and "stopped" are of "stop", "scaling" and "scaled" of "scale".
            doubled = ending in ("ing", "ed") and stem[-1] == stem[-2] and stem[-1] not in "ls"
            return (stem[:-1] if doubled else stem).removesuffix("e")
    return word


def _weight(found: set[str]) -> tuple[int, int]:
    distinct = [
        keyword
        for keyword in found
        if len(found) == 1 or not any(keyword != other and keyword in other for other in found)
    ]
    return len(distinct), sum(len(keyword.split()) for keyword in distinct)
