"""Schedules exactly as other libraries compute them, where no family of `families` does.

There is a module for each library, `shared` for what several of them have, and `epochs` for schedulers that
are stepped once an epoch. Importing this package registers all of them.
"""

from stepsize.schedules.foreign import epochs, keras, shared, timm, torch, transformers

__all__ = ["epochs", "keras", "shared", "timm", "torch", "transformers"]
