"""A study as a store keeps it, and the short name that tells the studies of a store apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SavedStudy:
    """A finished study of a store: its definition and what it cost, as JSON values."""

    saved: str
    definition: Mapping[str, Any]
    cost: Mapping[str, Any] | None

    @property
    def id(self) -> str:
        """What `study_id` returns."""
        return study_id(self.definition)


def study_id(definition: Mapping[str, Any]) -> str:
    """Return eight hexadecimal digits for a study; more seeds, or another command, leave them as they are.

    >>> study_id({"name": "a", "fingerprint": "f", "candidates": [], "baseline": "b", "seeds": [0]})
    'a3226f17'
    """
    facts = definition.get("facts", {})
    while definition.get("previous"):  # a study that adds seeds leaves out candidates on the way
        definition = definition["previous"]
    margin = facts.get("protocol", {}).get("margin")
    parts = [definition[key] for key in ("name", "fingerprint", "candidates", "baseline")]
    return hashlib.sha256(json.dumps([*parts, margin]).encode()).hexdigest()[:8]
