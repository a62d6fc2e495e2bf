"""What a plan costs an update in optax: against optax' own schedule, compiled into a scan of many updates.

One weight, `optax.sgd`; every round times the contenders in turn, and medians are reported.

    python benchmarks/adapters_optax.py
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

import stepsize as ss
from stepsize.adapters.optax import optax_schedule

UPDATES, ROUNDS = 100_000, 15


def compiled(rate: Any) -> Callable[[], None]:
    """Return a run of one-weight updates, compiled."""
    optimizer = optax.sgd(rate)

    def update(place: Any, _: Any) -> tuple[Any, None]:
        weight, state = place
        change, state = optimizer.update(jnp.ones(()), state, weight)
        return (optax.apply_updates(weight, change), state), None

    run = jax.jit(lambda place: jax.lax.scan(update, place, length=UPDATES)[0])
    place = (jnp.zeros(()), optimizer.init(jnp.zeros(())))
    jax.block_until_ready(run(place))
    return lambda: jax.block_until_ready(run(place))


def measure() -> dict[str, Any]:
    """Return microseconds an update of each contender."""
    runners = {
        "optax_schedule": compiled(optax_schedule(ss.cosine(0.1).plan(updates=UPDATES))),
        "cosine_decay_schedule": compiled(optax.cosine_decay_schedule(0.1, UPDATES)),
        "constant": compiled(0.1),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(ROUNDS):
        for name, run in runners.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: 1e6 * statistics.median(each) / UPDATES for name, each in seconds.items()}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
