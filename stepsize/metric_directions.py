"""Which metrics are better high and which low: the one table that every part of the package reads."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

HIGHER = (
    "accuracy", "auc", "binary_accuracy", "categorical_accuracy", "concordance_correlation",
    "cosine_similarity", "f1_score", "fbeta_score", "pearson_correlation", "precision", "r2", "recall",
    "sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy", "top_k_categorical_accuracy",
)  # fmt: skip
"""The metrics of Keras that are better high; 1 is perfect in all of them."""
LOWER = (
    "binary_crossentropy", "categorical_crossentropy", "categorical_hinge", "hinge", "kl_divergence",
    "logcosh", "mae", "mape", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error", "mse", "msle", "poisson", "root_mean_squared_error",
    "sparse_categorical_crossentropy", "squared_hinge",
)  # fmt: skip
"""The metrics of Keras that are better low."""
SIGNED = (
    "concordance_correlation", "cosine_similarity", "kl_divergence", "pearson_correlation", "poisson", "r2",
)  # fmt: skip
"""The metrics of Keras that may be below 0."""
ALIASES = {"acc": "accuracy", "f1": "f1_score", "r2_score": "r2", "rmse": "root_mean_squared_error"}
"""Other names of these metrics."""

# Names of other metrics are recognised by their last word, such as "head_loss" or "val_top1_acc". It may
# have another word in front without a line between them, as in "logloss".
LOWER_WORDS = ("loss", "error", "mse", "mae")
HIGHER_WORDS = ("acc", "accuracy", "auc", "precision", "recall")
GLUED = ("bal", "bce", "ce", "eval", "log", "n", "nll", "nr", "pr", "r", "roc", "test", "train", "val", "w")

AFTER = (
    "at", "avg", "average", "best", "binary", "cv", "dev", "ema", "epoch", "eval", "final", "holdout",
    "k", "last", "macro", "max", "mean", "micro", "min", "oof", "ovo", "ovr", "pr", "roc", "samples",
    "score", "step", "test", "testing", "train", "training", "val", "valid", "validation", "weighted",
)  # fmt: skip
"""Words that may follow the name of a metric; any other word makes something else of it."""
NEGATIONS = ("neg", "negative", "negated")
REVERSING = (
    *NEGATIONS, "anti", "complement", "decrease", "deviation", "delta", "drop", "fewer", "flipped", "gain",
    "improvement", "inv", "inverse", "inverted", "less", "minus", "no", "non", "not", "one", "opposite",
    "reciprocal", "reduction", "reverse", "reversed", "saved", "sd", "sem", "std", "stddev", "stdev", "un",
    "var", "variance", "without",
)  # fmt: skip
"""Words in front of a metric that make something else of it: its opposite, its change, its spread."""
COSTS = (
    "bad", "cost", "deficit", "degradation", "diff", "difference", "distance", "epochs", "false",
    "forgetting", "gap", "log", "lost", "missed", "missing", "penalty", "regret", "shortfall", "spread",
    "steps", "time", "to", "uncertainty", "updates", "wrong", *LOWER_WORDS,
)  # fmt: skip
"""Words in front of a metric that is better high that make something else of it."""
DESCRIPTIVE = (
    "absolute", "log", "logarithmic", "max", "mean", "median", "percentage", "relative", "root",
    "squared", "weighted",
)  # fmt: skip
PARTS = ("cv", "dev", "eval", "test", "train", "training", "val", "valid", "validation")
OPERATORS = re.compile(r"^\d|[+*^%=!~¬−–—≠∂Δ∆√|]")  # a name with one is a formula
SUBTRACTION = re.compile(r"(^|(?<!top)[^a-z0-9])(\d[\d.]*)?\s*-|[^a-z0-9@]1\s*/")  # not that of "top-5-acc"


class Named(NamedTuple):
    """The metric that a name is recognised by, as the table has it, and whether the name turns its sign."""

    metric: str
    is_negated: bool

    @property
    def is_high(self) -> bool:
        """Whether the metric itself, without a sign in front of it, is better high."""
        return self.metric in HIGHER or self.metric in HIGHER_WORDS


def direction(name: str) -> Literal["max", "min"] | None:
    """Return "max" if the metric called `name` is better high, "min" if it is better low, None if unknown.

    A prefix such as "val_" does not matter, nor does a number at the end, which Keras adds to the second
    metric of a kind. The opposite of a metric, its spread, or a cost in terms of it is another quantity,
    whose direction is not known; an error or a loss with "neg_" in front, as in scikit-learn, is better high.

    >>> direction("val_r2"), direction("MeanSquaredError"), direction("head_auc_1"), direction("reward")
    ('max', 'min', 'max', None)
    >>> direction("neg_mean_squared_error"), direction("accuracy_gap"), direction("1-auc")
    ('max', None, None)
    """
    named = _named(name)
    if named is None:
        return None
    return "max" if named.is_high or named.is_negated else "min"


def is_share(name: str) -> bool:
    """Return whether 1 is perfect in the metric called `name`, as in an accuracy or an R2.

    >>> is_share("val_acc"), is_share("r2"), is_share("neg_mae"), is_share("accuracy_gap")
    (True, True, False, False)
    """
    named = _named(name)
    return named is not None and named.is_high


def is_accuracy(name: str) -> bool:
    """Return whether the metric called `name` is a share of right answers.

    >>> is_accuracy("val_acc"), is_accuracy("sparse_top_k_categorical_accuracy"), is_accuracy("auc")
    (True, True, False)
    """
    named = _named(name)
    return named is not None and (named.metric == "acc" or named.metric.endswith("accuracy"))


def lowest_share(name: str) -> float:
    """Return the lowest value of a metric in which 1 is perfect.

    >>> lowest_share("val_acc"), lowest_share("val_r2")
    (0.0, -inf)
    """
    named = _named(name)
    return -math.inf if named is not None and named.metric in SIGNED else 0.0


def _named(name: str) -> Named | None:
    text = snake_case(name.strip(" _"))
    if OPERATORS.search(text) or SUBTRACTION.search(text):
        return None
    words = re.findall(r"[a-z]+\d*", text)
    if "at" in words[1:]:
        words = words[: words.index("at", 1)]  # "recall_at_precision" is a recall
    for end in range(len(words), 0, -1):
        if (found := _ending(words[:end])) is not None:
            metric, before = found
            is_high = Named(metric, False).is_high
            if not is_high and "score" in words[end:]:
                return None  # made of an error, such as "d2_absolute_error_score"
            return _judged(metric, before, is_high)
        if words[end - 1] not in AFTER:
            return None
    return None


def _ending(words: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return the metric that some words end with, and the words in front of it; the longest name wins."""
    for start in range(len(words)):
        ending = canonical_name("_".join(words[start:]))
        if ending in HIGHER or ending in LOWER:
            return ending, list(words[:start])
    last = words[-1].rstrip("0123456789")
    for known in (*LOWER_WORDS, *HIGHER_WORDS):
        if last == known or (last.endswith(known) and last.removesuffix(known) in GLUED):
            return known, list(words[:-1])
    return None


def _judged(metric: str, before: list[str], is_high: bool) -> Named | None:
    """Return the metric unless the words in front of it make something else of it."""
    own = [word for word in before if word not in PARTS]
    if own and own[0] in NEGATIONS and not is_high:
        is_known = metric in LOWER or own[1:]  # a "neg_loss" may be the loss of negative examples
        return Named(metric, True) if is_known and all(word in DESCRIPTIVE for word in own[1:]) else None
    others = (*REVERSING, *COSTS) if is_high else REVERSING
    return None if any(word in others for word in before) else Named(metric, False)


def possible_values(name: str) -> tuple[float, float]:
    """Return the lowest and the highest value that the metric called `name` can have; infinite if unknown.

    >>> possible_values("auc"), possible_values("mse"), possible_values("r2"), possible_values("reward")
    ((0.0, 1.0), (0.0, inf), (-inf, 1.0), (-inf, inf))
    """
    name = canonical_name(name)
    low = 0.0 if name in (*HIGHER, *LOWER) and name not in SIGNED else -math.inf
    return low, 1.0 if name in HIGHER else math.inf


def contradicts(name: str, mode: str | None) -> bool:
    """Return whether the metric of Keras called `name`, or a loss, is better the other way than by `mode`.

    >>> contradicts("val_accuracy", "min"), contradicts("accuracy_gap", "min"), contradicts("loss", "max")
    (True, False, True)
    >>> contradicts("neg_mean_squared_error", "min")
    True
    """
    plain = canonical_name(name.removeprefix("val_"))
    if mode == "min" and (named := _named(name)) is not None and named.is_negated:
        return True
    return plain in {"min": HIGHER, "max": (*LOWER, "loss")}.get(mode or "", ())


def canonical_name(name: str) -> str:
    """Return the name that the table has for a metric, or its name in snake case if it has none.

    >>> canonical_name("R2Score"), canonical_name("rmse"), canonical_name("Reward")
    ('r2', 'root_mean_squared_error', 'reward')
    """
    name = snake_case(name)
    return ALIASES.get(name, name)


def snake_case(name: str) -> str:
    """Return a class name as Keras writes it among its functions.

    >>> snake_case("MeanAbsoluteError"), snake_case("AUC"), snake_case("R2Score")
    ('mean_absolute_error', 'auc', 'r2_score')
    """
    return name.lower() if name.isupper() else re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
