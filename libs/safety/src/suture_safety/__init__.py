"""Read a script and say what is wrong with it: text in, findings out.

>>> from suture_safety import validate
>>> validate("rm -rf /", "bash").is_valid
False
"""

from __future__ import annotations

from suture_safety.analysis import analyse
from suture_safety.document import analyse_document
from suture_safety.patch import PatchValidation, validate_patch
from suture_safety.policy import InvalidPolicy, Policy, read_policy
from suture_safety.rulebook import ruleset_digest

validate = analyse

__all__ = [
    "InvalidPolicy",
    "PatchValidation",
    "Policy",
    "analyse",
    "analyse_document",
    "read_policy",
    "ruleset_digest",
    "validate",
    "validate_patch",
]
