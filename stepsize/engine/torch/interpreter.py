"""The graph of a PyTorch model as a pure function in JAX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from stepsize.engine.torch.operations import OPERATIONS, RANDOM_OPERATIONS
from stepsize.errors import NoPopulation, ProblemError, first_line
from stepsize.problems.torch.graph import DType, Graph, Node, Ref, map_refs

DTYPES = {
    "float32": jnp.float32,
    "int64": jnp.int32,  # JAX counts with 32 bits
    "int32": jnp.int32,
    "int16": jnp.int16,
    "int8": jnp.int8,
    "uint8": jnp.uint8,
    "bool": jnp.bool_,
}

Arrays = Mapping[str, jax.Array]


def run(
    graph: Graph, parameters: Arrays, buffers: Arrays, batch: Sequence[jax.Array], key: jax.Array
) -> tuple[jax.Array, Any, dict[str, jax.Array]]:
    """Return the loss, the outputs and the buffers after one batch.

    `batch` has the model's inputs and then the target. Draw number i of the graph, such as a dropout mask,
    uses the key `fold_in(key, i)`.

    Raises: NoPopulation for an operation that is not supported, with its place in the user's model, and
    ProblemError for one that PyTorch refuses, too.
    """
    values: dict[str, Any] = {name: jnp.asarray(array) for name, array in graph.constants.items()}
    values |= {name: parameters[target] for name, target in graph.parameters.items()}
    values |= {name: buffers[target] for name, target in graph.buffers.items()}
    values |= dict(zip(graph.batch, batch, strict=True))

    def resolve(reference: Ref | DType) -> Any:
        return DTYPES[reference.name] if isinstance(reference, DType) else values[reference.name]

    draws = 0
    for node in graph.nodes:
        arguments, keywords = map_refs(resolve, (node.arguments, dict(node.keywords)))
        if (function := _implementation(RANDOM_OPERATIONS, node.operation)) is not None:
            arguments = (jax.random.fold_in(key, draws), *arguments)
            draws += 1
        elif (function := _implementation(OPERATIONS, node.operation)) is None:
            raise NoPopulation(_unsupported(node))
        try:
            values[node.name] = function(*arguments, **keywords)
        except ProblemError as error:  # PyTorch refuses it, too
            raise ProblemError(f"{node.place}: {error}") from error
        except (ValueError, TypeError, IndexError, OverflowError, NotImplementedError) as error:
            raise NoPopulation(f"{node.place}: {node.operation}: {first_line(error)}") from error
    loss, outputs, mutated = map_refs(resolve, (graph.loss, graph.outputs, dict(graph.mutated)))
    return loss, outputs, {**buffers, **mutated}


def draws(graph: Graph) -> bool:
    """Return whether a graph may need a key."""
    return any(_implementation(RANDOM_OPERATIONS, node.operation) is not None for node in graph.nodes)


def unsupported_operations(graph: Graph) -> Iterator[str]:
    """Return a sentence for every operation of a graph that the interpreter does not know."""
    for node in graph.nodes:
        if all(_implementation(table, node.operation) is None for table in (OPERATIONS, RANDOM_OPERATIONS)):
            yield _unsupported(node)


def _implementation(table: Mapping[str, Any], operation: str) -> Any:
    """Return the function of an overload, or else the one for all overloads of its name."""
    return table.get(operation) or table.get(operation.partition(".")[0])


def _unsupported(node: Node) -> str:
    return f"{node.place}: PyTorch's operation {node.operation!r} is not supported in a population"
