"""Recurrent layers as loops over time: LSTM, GRU, and the plain one with tanh or relu."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from stepsize.engine.torch.operations.randomness import dropout as drop

State = tuple[Array, ...]
Step = Callable[[State, Array, Array, Array | None], State]


def lstm_step(state: State, scores: Array, recurrent: Array, bias: Array | None) -> State:
    hidden, cell = state
    scores = scores + hidden @ recurrent.T + (0.0 if bias is None else bias)
    keep_in, forget, new, out = jnp.split(scores, 4, axis=-1)
    cell = jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(keep_in) * jnp.tanh(new)
    return jax.nn.sigmoid(out) * jnp.tanh(cell), cell


def gru_step(state: State, scores: Array, recurrent: Array, bias: Array | None) -> State:
    (hidden,) = state
    reset_in, update_in, new_in = jnp.split(scores, 3, axis=-1)
    own = hidden @ recurrent.T + (0.0 if bias is None else bias)
    reset_own, update_own, new_own = jnp.split(own, 3, axis=-1)
    new = jnp.tanh(new_in + jax.nn.sigmoid(reset_in + reset_own) * new_own)
    return (new + jax.nn.sigmoid(update_in + update_own) * (hidden - new),)


def plain_step(
    activation: Callable[[Array], Array], state: State, scores: Array, recurrent: Array, bias: Array | None
) -> State:
    return (activation(scores + state[0] @ recurrent.T + (0.0 if bias is None else bias)),)


def direction(
    step: Step, x: Array, state: State, weights: Sequence[Array], back: bool
) -> tuple[Array, State]:
    """Return the outputs over time [length, rows, units] and the last state of one direction of a layer."""
    kernel, recurrent, *biases = weights
    scores = x @ kernel.T + (biases[0] if biases else 0.0)
    bias = biases[1] if biases else None

    def advance(state: State, scores: Array) -> tuple[State, Array]:
        state = step(state, scores, recurrent, bias)
        return state, state[0]

    last, outputs = jax.lax.scan(advance, state, scores, reverse=back)
    return outputs, last


def layers(
    step: Step,
    key: Array,
    x: Array,
    initial: Sequence[Array],
    parameters: Sequence[Array],
    has_biases: bool,
    count: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Array, ...]:
    """Return the outputs of the last layer, and the last states of all layers."""
    directions, size = 1 + bidirectional, 4 if has_biases else 2
    x = x.swapaxes(0, 1) if batch_first else x
    last = []
    if len(parameters) != count * directions * size:
        raise NotImplementedError("proj_size of a recurrent layer is not supported")
    for layer in range(count):
        outputs = []
        for back in range(directions):
            place = layer * directions + back
            weights = parameters[place * size : (place + 1) * size]
            state = tuple(values[place] for values in initial)
            output, state = direction(step, x, state, weights, bool(back))
            outputs.append(output)
            last.append(state)
        x = jnp.concatenate(outputs, axis=-1) if bidirectional else outputs[0]
        if layer < count - 1:
            x = drop(jax.random.fold_in(key, layer), x, dropout, train)
    states = (jnp.stack(values) for values in zip(*last, strict=True))
    return x.swapaxes(0, 1) if batch_first else x, *states


def with_one_state(step: Step, key: Array, x: Array, initial: Array, *args: Any) -> tuple[Array, ...]:
    return layers(step, key, x, (initial,), *args)


def lstm_cell(
    key: Array, x: Array, state: Sequence[Array], kernel: Array, recurrent: Array, *biases: Array | None
) -> State:
    scores = x @ kernel.T + (biases[0] if biases and biases[0] is not None else 0.0)
    return lstm_step((state[0], state[1]), scores, recurrent, biases[1] if biases else None)


def cell(
    step: Step, key: Array, x: Array, state: Array, kernel: Array, recurrent: Array, *biases: Array | None
) -> Array:
    scores = x @ kernel.T + (biases[0] if biases and biases[0] is not None else 0.0)
    return step((state,), scores, recurrent, biases[1] if biases else None)[0]


TANH, RELU = partial(plain_step, jnp.tanh), partial(plain_step, jax.nn.relu)

RECURRENT: Mapping[str, Callable[..., Any]] = {
    "lstm.input": partial(layers, lstm_step),
    "gru.input": partial(with_one_state, gru_step),
    "rnn_tanh.input": partial(with_one_state, TANH),
    "rnn_relu.input": partial(with_one_state, RELU),
    "lstm_cell": lstm_cell,
    "gru_cell": partial(cell, gru_step),
    "rnn_tanh_cell": partial(cell, TANH),
    "rnn_relu_cell": partial(cell, RELU),
}
