"""Schedules that only one library has, exactly as it computes them; importing this package registers them.

`shared` holds what several libraries have and no family of `families` covers.
"""

from stepsize.schedules.foreign import keras, shared, timm, torch, transformers

__all__ = ["keras", "shared", "timm", "torch", "transformers"]
