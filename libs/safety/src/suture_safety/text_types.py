"""What a text may be: the types that a script document has, and those that are only analysed."""

from __future__ import annotations

from typing import Literal, get_args

TextType = Literal["bash", "python", "sql", "kubernetes", "config", "ansible", "powershell"]
TEXT_TYPES: tuple[TextType, ...] = get_args(TextType)
