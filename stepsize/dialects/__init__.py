"""Other libraries' schedules, exactly as they behave, as schedules of this package.

`keras`, `torch`, `transformers`, `timm` and `optax` read an object or a name. The families of
`schedules.families` are used wherever they are exact; behaviour unique to one library comes from
`schedules.foreign`, under its name. No library is imported before its objects are passed in.
"""

from stepsize.dialects.keras import from_keras
from stepsize.dialects.optax import from_optax
from stepsize.dialects.timm import from_timm
from stepsize.dialects.torch import from_torch
from stepsize.dialects.torch_momentum import momentum_from_torch
from stepsize.dialects.transformers import from_transformers

__all__ = [
    "from_keras",
    "from_optax",
    "from_timm",
    "from_torch",
    "from_transformers",
    "momentum_from_torch",
]
