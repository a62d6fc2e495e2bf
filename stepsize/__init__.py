"""Which learning rate, and which schedule, should I use on my model and my data?

`stepsize.schedules` says what a schedule is, `stepsize.problems` what is trained, `stepsize.engine` trains
populations of runs, `stepsize.study` decides which runs are made and keeps them, `stepsize.stats` judges,
`stepsize.report` shows. Importing this module loads NumPy only; each name loads its part when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stepsize.errors import StepsizeError
from stepsize.units import epochs, lr, run, updates

if TYPE_CHECKING:
    from stepsize.comparison import compare
    from stepsize.find_results import RangeTest, RateMap
    from stepsize.finding import find
    from stepsize.live_page.notebook import explore
    from stepsize.problems.data import Data
    from stepsize.problems.loading.catalog import load
    from stepsize.problems.problem import Problem, problem
    from stepsize.problems.splitting.splits import Split
    from stepsize.result import Result
    from stepsize.scaling_law import scale
    from stepsize.scaling_results import ScalingLaw, ScalingLaws
    from stepsize.schedules import (
        Plan,
        Schedule,
        chebyshev,
        clip,
        constant,
        cosine,
        cosine_restarts,
        custom,
        exp_range,
        exponential,
        flat_cosine,
        from_json,
        hyperbolic,
        inverse_sqrt,
        inverse_time,
        k_decay,
        linear,
        linear_cosine,
        multistep,
        natural_exponential,
        noam,
        noise,
        on_threshold,
        one_cycle,
        one_cycle_momentum,
        parse,
        per_epoch,
        piecewise_constant,
        piecewise_interpolated,
        plateau,
        polynomial,
        power_law,
        register,
        repeat,
        rescale,
        resumed,
        rex,
        sawtooth,
        sigmoid,
        sine,
        slanted_triangular,
        step_decay,
        tanh,
        triangular,
        triangular2,
        two_way,
        warmup,
        wsd,
    )
    from stepsize.study.candidates import Candidate
    from stepsize.study.user_functions.training import Training
    from stepsize.trained_model import TrainedModel, load_trained

__version__ = "0.1.0"

__all__ = [
    "Candidate",
    "Data",
    "Plan",
    "Problem",
    "RangeTest",
    "RateMap",
    "Result",
    "ScalingLaw",
    "ScalingLaws",
    "Schedule",
    "Split",
    "StepsizeError",
    "TrainedModel",
    "Training",
    "chebyshev",
    "clip",
    "compare",
    "constant",
    "cosine",
    "cosine_restarts",
    "custom",
    "epochs",
    "exp_range",
    "explore",
    "exponential",
    "find",
    "flat_cosine",
    "from_json",
    "hyperbolic",
    "inverse_sqrt",
    "inverse_time",
    "k_decay",
    "linear",
    "linear_cosine",
    "load",
    "load_trained",
    "lr",
    "multistep",
    "natural_exponential",
    "noam",
    "noise",
    "on_threshold",
    "one_cycle",
    "one_cycle_momentum",
    "parse",
    "per_epoch",
    "piecewise_constant",
    "piecewise_interpolated",
    "plateau",
    "polynomial",
    "power_law",
    "problem",
    "register",
    "repeat",
    "rescale",
    "resumed",
    "rex",
    "run",
    "sawtooth",
    "scale",
    "sigmoid",
    "sine",
    "slanted_triangular",
    "step_decay",
    "tanh",
    "triangular",
    "triangular2",
    "two_way",
    "updates",
    "warmup",
    "wsd",
]

_ELSEWHERE = {
    "Candidate": "stepsize.study.candidates",
    "Data": "stepsize.problems.data",
    "Problem": "stepsize.problems.problem",
    "RangeTest": "stepsize.find_results",
    "RateMap": "stepsize.find_results",
    "Result": "stepsize.result",
    "ScalingLaw": "stepsize.scaling_results",
    "ScalingLaws": "stepsize.scaling_results",
    "Split": "stepsize.problems.splitting.splits",
    "TrainedModel": "stepsize.trained_model",
    "Training": "stepsize.study.user_functions.training",
    "compare": "stepsize.comparison",
    "explore": "stepsize.live_page.notebook",
    "find": "stepsize.finding",
    "load": "stepsize.problems.loading.catalog",
    "load_trained": "stepsize.trained_model",
    "problem": "stepsize.problems.problem",
    "scale": "stepsize.scaling_law",
}


def __getattr__(name: str) -> Any:
    """Return a public name that is not loaded yet, most often a schedule."""
    if name not in __all__:
        raise AttributeError(f"module 'stepsize' has no attribute {name!r}")
    return getattr(import_module(_ELSEWHERE.get(name, "stepsize.schedules")), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})  # so that an editor offers also what is not loaded yet
