"""A problem: data, model, optimizer, length and split; and the problems with a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from stepsize.errors import ProblemError, unknown
from stepsize.problems import arguments as checks
from stepsize.problems.built_in import BUILT_IN, built_in_study, canonical_name, usual_problem
from stepsize.problems.data import Data
from stepsize.problems.loading.catalog import is_source, load
from stepsize.problems.metrics import Metric, metric_of
from stepsize.problems.model_data import form_of, load_for, preparation
from stepsize.problems.models.model_transport import is_text
from stepsize.problems.preprocessing import is_scaled, scale_whole_numbers
from stepsize.problems.problem_facts import problem_digest, problem_facts
from stepsize.problems.splitting.changes import SPLIT_KEYS, check_sizes, sizes_of, with_split
from stepsize.problems.splitting.splits import Parts, Split
from stepsize.problems.summary import Summarised
from stepsize.problems.target_encoding import ClassWeight, row_weights, trained_target
from stepsize.problems.torch.user_problem import is_own_metric, own_metric, read_source, trains_in_torch
from stepsize.problems.variants import check_settings, variant_facts, variant_of

if TYPE_CHECKING:
    from stepsize.problems.torch.source import Source


@checks.checked_names
@dataclass(frozen=True, eq=False, repr=False)
class Problem(Summarised):
    """What is trained: `model` on `data`, for `epochs` in batches of `batch_size`, split by `split`.

    `model` is text such as `mlp(34)`, a factory (`package.module:function`, or the function itself), a
    compiled Keras model, or the path of a `.keras` file. `data` is `Data` or anything that `load` takes: a
    name, a path, `(x, y)` and more. `settings` are arguments of the optimizer, and `optimizer`, its name;
    they replace those that a compiled model, or the `optimizer` of a PyTorch model, has. PyTorch models also
    take `clip_grad_norm` and `clip_grad_value` there.

    `prepare` is whether missing numbers are filled and numbers scaled. By default, that is done for text
    models alone: a model of your own gets the data as its own `fit` would.

    For PyTorch, `model` is an `nn.Module`, a class, or a function that makes one, `loss` a function of
    outputs and targets, and `optimizer` a class of `torch.optim`, a `partial` of one, or a function of the
    model that returns an optimizer; see `docs/pytorch.md`.

    `metric` is the name of a Keras metric or a metric object, by default accuracy, or R2 for regression;
    `mode`, "max" or "min", is needed only if Keras does not define which is better. `class_weight` maps
    classes to weights in the training loss, or is "balanced". With `from_weights`, every run starts from the
    model's current weights. `margin` is the smallest difference of the metric that matters;
    `docs/verdict.md` describes the default.

    Raises: ProblemError for data, a model or a split that cannot be used.

    >>> problem("ionosphere").epochs
    50
    """

    model: Any
    data: Data
    name: str = ""
    epochs: int = 50
    batch_size: int = 32
    split: Split = field(default_factory=Split)
    settings: Mapping[str, Any] | None = None
    metric: Any = None
    mode: str | None = None
    class_weight: ClassWeight | None = None
    from_weights: bool = False
    margin: float | None = None
    prepare: bool | None = None
    loss: Any = None
    optimizer: Any = None
    torch_source: Source | None = field(init=False, repr=False, default=None)
    scored_by: Metric = field(init=False)
    _form: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prepare", preparation(self.prepare, self.model))
        is_torch = trains_in_torch(self.model, self.loss)
        checks.check_optimizer(self.optimizer, is_torch)
        data = load_for(self.model, is_torch, self.data, prepare=self.prepare)
        if self.prepare not in (None, data.prepare):
            data = replace(data, prepare=self.prepare)
        if self.prepare is None:  # of a text model, which has no embeddings
            data = scale_whole_numbers(data)
        object.__setattr__(self, "data", data)
        split = Split(self.split) if isinstance(self.split, str) else self.split
        object.__setattr__(self, "split", split.of(self.data))
        for name in ("epochs", "batch_size"):
            object.__setattr__(self, name, checks.positive_whole(name, getattr(self, name)))
        object.__setattr__(
            self, "settings", checks.settings_of_problem(self.settings, is_text(self.model), is_torch)
        )
        object.__setattr__(self, "name", self.name or self.data.name)
        object.__setattr__(self, "_form", {} if is_torch else form_of(self.model, data, self.from_weights))
        if is_torch:
            object.__setattr__(self, "torch_source", read_source(self))
        own = is_torch and is_own_metric(self.metric)
        metric = own_metric(self.metric, self.mode) if own else metric_of(self.metric, self.mode, data.kind)
        object.__setattr__(self, "scored_by", metric)
        self.row_weights()
        self.trained_y  # noqa: B018, raises for targets that cannot be trained on

    @property
    def series(self) -> str | None:
        """Why a PyTorch model cannot be a population and trains run by run, in PyTorch; None otherwise."""
        return None if self.torch_source is None else self.torch_source.series

    def in_series(self, reason: str) -> Problem:
        """Return the problem with a PyTorch model that trains run by run, in PyTorch, for this reason."""
        changed = copy(self)
        object.__setattr__(changed, "torch_source", read_source(self, reason))
        return changed

    def variant(self, settings: Mapping[str, Any]) -> Problem:
        """Return the problem as a candidate with `settings` trains it: itself unless they change it."""
        return variant_of(self, settings)

    def variant_facts(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return what such a candidate does not share with the others, as JSON values."""
        return variant_facts(self, settings)

    def travel_form(self, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the model as plain data, as it was when the problem was created.

        A PyTorch model travels with its optimizer, which takes `settings`.
        """
        return self._form if self.torch_source is None else self.torch_source.form(settings or {})

    def initial_weights(self, seed: int) -> dict[str, np.ndarray] | None:
        """Return the weights that PyTorch draws for a seed; None for a Keras model, which draws its own."""
        return None if self.torch_source is None else self.torch_source.weights(seed)

    def row_weights(self) -> np.ndarray | None:
        """Return the weight of each row in the training loss; None if all rows weigh the same."""
        weights = row_weights(self.data, self.class_weight)
        if weights is not None and self.torch_source is not None:
            raise ProblemError(
                "row weights and class_weight are for Keras models; give the loss of a PyTorch model class "
                "weights, as in nn.CrossEntropyLoss(weight=...)"
            )
        return weights

    @cached_property
    def trained_y(self) -> np.ndarray:
        """The targets as the training process takes them."""
        return trained_target(self.data, self.scales_target and self.scored_by.of_differences)

    @property
    def optimizer_arguments(self) -> tuple[str, Mapping[str, Any]] | None:
        """The name of the model's own optimizer and the arguments that groups share; None if not known."""
        if self.torch_source is None:
            return self._form.get("optimizer")
        optimizer = self.torch_source.model.optimizer
        return optimizer.name, optimizer.settings

    @property
    def optimizer_name(self) -> str | None:
        """The name of the optimizer, in lower case; None if only the training process knows it."""
        usual = (self.optimizer_arguments or ("sgd" if is_text(self.model) else None,))[0]
        name = (self.settings or {}).get("optimizer", usual)
        return None if name is None else name.lower()

    @property
    def scales_target(self) -> bool:
        """Whether quantities are standardised for the loss, as they are for text models."""
        return self.data.kind == "regression" and is_text(self.model)

    @property
    def scaled(self) -> list[str]:
        """What is scaled before the model sees it: "inputs", "target", both or nothing."""
        return ["inputs"] * is_scaled(self.data) + ["target"] * self.scales_target

    @property
    def expensive(self) -> bool:
        """Whether its runs are trained one by one, not together."""
        return self.series is not None

    @property
    def watched(self) -> tuple[str, ...]:
        """The series that a metric-driven factor can observe, in the engine's order."""
        return "val_loss", f"val_{self.scored_by.name}", "loss"

    @property
    def usual_seeds(self) -> int | None:
        """The number of seeds that the split needs; None if it does not matter."""
        return self.split.usual_seeds

    @property
    def notes(self) -> Sequence[str]:
        """How the data were read, as text for the user."""
        return self.data.notes

    def check_seeds(self, seeds: Sequence[int]) -> None:
        """Raise StudyError unless the split can be drawn for these seeds as a whole."""
        self.split.check_seeds(seeds)

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        """Raise StudyError for what all candidates share, and for values that an optimizer cannot use."""
        check_settings(self, settings)

    def parts(self, seed: int, judge: bool = True) -> Parts:
        """Return the training and validation rows of a seed."""
        return self.split.parts(self.data, seed, judge, self.scored_by.is_exact_area)

    @property
    def updates_per_epoch(self) -> int:
        """Batches in an epoch, including a shorter last one."""
        return self.updates_per_epoch_with({})

    def updates_per_epoch_with(self, settings: Mapping[str, Any]) -> int:
        """Return the updates of an epoch for a candidate with `settings`, perhaps its own batch size."""
        return -(-self._train_rows // settings.get("batch_size", self.batch_size))

    @cached_property
    def _train_rows(self) -> int:
        return len(self.parts(0).train)

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with everything here that affects results."""
        return problem_digest(self, self._form)

    def facts(self, seeds: Sequence[int] = ()) -> dict[str, Any]:
        """Return what the answer of a study with these seeds reports about the problem, as JSON values."""
        return problem_facts(self, self._form, seeds)

    def study_keys(self) -> dict[str, Any]:
        """Return the keys of a study file that this problem sets, apart from data and model."""
        split, settings = self.split, dict(self.settings or {})
        return {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "prepare": self.prepare,
            "split": split if split.rows else {"kind": split.kind, **sizes_of(split)},
            "loss": self.loss,
            "optimizer": self.optimizer
            or {"name" if key == "optimizer" else key: value for key, value in settings.items()},
        }

    def software(self) -> dict[str, str]:
        """Return the versions of the packages that train."""
        names = ("jax", "keras", "numpy", *([] if self.torch_source is None else ["torch"]))
        own = {} if self.torch_source is None else self.torch_source.versions
        return own | {name: metadata.version(name) for name in names}


def problem(
    name: Any,
    /,
    *,
    target: str | int | None = None,
    folder: str | None = None,
    model: Any = None,
    **changes: Any,
) -> Problem:
    """Return the problem called `name`, or a problem with a file or other data that `load` takes.

    `folder` holds the IDX files of Fashion-MNIST. `model` and `changes` (fields of `Problem`, and `load`'s
    `header`, `kind`, `groups`, `order`, `part`, `weights`, `drop`) replace the defaults of the name. A
    `split` given as text, `validation`, `folds` and `rows` change the default split; `folds` alone selects
    cross-validation.

    Raises: ProblemError for an unknown name, or data, a model or a split that cannot be used.

    >>> problem("ionosphere", epochs=10).epochs
    10
    >>> str(problem("ionosphere", folds=5).split)
    '5-fold cross-validation, a repeat for each 5 seeds'
    """
    arguments = {key: changes.pop(key) for key in checks.DATA_ARGUMENTS if key in changes}
    known = [*(each.name for each in fields(Problem) if each.init), *checks.DATA_ARGUMENTS, *SPLIT_KEYS]
    checks.check_arguments(changes, known)
    if isinstance(name, str) and canonical_name(name) in BUILT_IN:
        name = canonical_name(name)
        study, defaults = built_in_study(name), usual_problem(name)
        changed = {**defaults, **with_split(changes, Split(**defaults.get("split", {})))}
        if model is not None and not is_text(model) and "settings" not in changes:
            changed.pop("settings", None)  # a compiled model brings its own optimizer
        model = model or study["model"]
        prepare = preparation(changes.get("prepare"), model)
        data = load(study["data"], target, folder=folder, prepare=prepare, **arguments)
        return Problem(model, data, **{"name": name, **changed})
    if isinstance(name, str) and not is_source(name):
        names = [*BUILT_IN, "a path ending in .csv, .tsv, .parquet, .npz"]
        raise ProblemError(unknown("problem", name, names))
    model = model or "mlp(64)"
    arguments["prepare"] = preparation(changes.get("prepare"), model)
    is_torch = trains_in_torch(model, changes.get("loss"))
    data = load_for(model, is_torch, name, target=target, folder=folder, **arguments)
    made = Problem(model, data, **with_split(changes, Split()))
    check_sizes(changes, made.split.kind)  # which the data may have chosen
    return made
