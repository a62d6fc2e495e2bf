"""The numeric settings of Keras' optimizers that are inputs of a compiled program, not constants in it.

Runs that differ in nothing else share one program. What Keras reads while it builds an optimizer
(`initial_accumulator_value`), what counts (`ns_steps`) and what chooses a rule (`nesterov`) is compiled in.
"""

from __future__ import annotations

CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")
# fmt: off
INPUTS = (
    "momentum", "beta_1", "beta_2", "rho", "epsilon", "weight_decay", "ema_momentum", *CLIPPING,
    "beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold",  # Adafactor
    "beta", "learning_rate_power", "l1_regularization_strength", "l2_regularization_strength",
    "l2_shrinkage_regularization_strength",  # Ftrl
    "adam_beta_1", "adam_beta_2", "adam_weight_decay", "adam_lr_ratio", "muon_a", "muon_b", "muon_c",
    "rms_rate",  # Muon
)
# fmt: on


def is_input(name: str, value: float) -> bool:
    """Return whether a number of a setting can be an input, because it does not change the update's rule.

    Keras does not clip at a threshold of 0, and RMSprop has no momentum below 0.

    >>> is_input("momentum", 0.0), is_input("clipnorm", 0.0), is_input("ns_steps", 5)
    (True, False, False)
    """
    if name in CLIPPING:
        return value > 0
    return name in INPUTS and (name != "momentum" or value >= 0)
