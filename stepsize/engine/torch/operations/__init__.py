"""PyTorch's operations in JAX: dicts from ATen's name to a function with ATen's arguments.

A name without an overload serves all overloads that have no entry of their own. Gradients are those of
PyTorch at kinks and ties too: of `relu` at 0, of `clamp` at its bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stepsize.engine.torch.operations.convolutions import CONVOLUTIONS
from stepsize.engine.torch.operations.elementwise import ELEMENTWISE
from stepsize.engine.torch.operations.indexing import INDEXING
from stepsize.engine.torch.operations.losses import LOSSES
from stepsize.engine.torch.operations.normalisation import NORMALISATION
from stepsize.engine.torch.operations.pooling import POOLING
from stepsize.engine.torch.operations.products import PRODUCTS
from stepsize.engine.torch.operations.randomness import RANDOMNESS
from stepsize.engine.torch.operations.recurrent import RECURRENT
from stepsize.engine.torch.operations.reductions import REDUCTIONS
from stepsize.engine.torch.operations.resizing import RESIZING
from stepsize.engine.torch.operations.shapes import SHAPES

OPERATIONS: Mapping[str, Callable[..., Any]] = {
    **ELEMENTWISE,
    **REDUCTIONS,
    **PRODUCTS,
    **CONVOLUTIONS,
    **NORMALISATION,
    **POOLING,
    **RESIZING,
    **INDEXING,
    **SHAPES,
    **LOSSES,
}

RANDOM_OPERATIONS: Mapping[str, Callable[..., Any]] = {**RANDOMNESS, **RECURRENT}
"""Operations that draw, dropout inside attention and recurrent layers included: a key comes first."""
