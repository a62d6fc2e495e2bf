"""Schedules exactly as other libraries compute them, where no family of `families` does.

There is a module for each library, and `shared` for what several of them have. Importing this package
registers all of them.
"""

from stepsize.schedules.foreign import keras, shared, timm, torch, transformers

__all__ = ["keras", "shared", "timm", "torch", "transformers"]
