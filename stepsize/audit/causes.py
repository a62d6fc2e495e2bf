"""Why the applied rates are not the planned ones: the simplest rules that explain every rate seen."""

from __future__ import annotations

from stepsize.audit.clocks import CLOCKS
from stepsize.audit.evidence import Cause, Evidence
from stepsize.audit.factors import FACTORS_AND_CURVES


def causes(seen: Evidence) -> list[Cause]:
    """Return the causes that explain every rate with the fewest fitted numbers; there may be none.

    Several are returned while the rates cannot tell them apart.
    """
    explanations = [cause for rule in (*CLOCKS, *FACTORS_AND_CURVES) for cause in rule(seen)]
    fewest = min((cause.fitted for cause in explanations), default=0)
    return [cause for cause in explanations if cause.fitted == fewest]


def sentence(explanations: list[Cause]) -> str:
    """Return the causes as one sentence for people."""
    if not explanations:
        return "unknown; no rule of the audit explains all of these rates"
    if len(explanations) == 1:
        return explanations[0].sentence
    return "either " + "; or ".join(cause.sentence for cause in explanations)
