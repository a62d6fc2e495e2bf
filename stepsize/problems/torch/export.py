"""A user's PyTorch model and loss as plain data that JAX trains: see `graph`.

`torch.export` records the forward pass with the loss. An empty table of decompositions then makes it
functional (no changes in place, no views of the same memory) and leaves the large operations whole: a batch
normalisation, an attention and an LSTM are one node each. Where that would change nothing, it is left out
(`functional_graphs`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from stepsize.errors import NoPopulation, ProblemError, first_line, require
from stepsize.problems.torch.graph import DType, ExportedModel, Graph, Node, Ref

require("torch", "torch")

import torch  # noqa: E402
from torch import fx, nn  # noqa: E402

from stepsize.problems.torch.export_caches import forget_fakes, released  # noqa: E402
from stepsize.problems.torch.export_errors import explained  # noqa: E402
from stepsize.problems.torch.functional_graphs import is_functional  # noqa: E402
from stepsize.problems.torch.model_checks import (  # noqa: E402
    check_batch,
    check_forward,
    check_graph,
    check_loss,
    check_module,
    place_of,
    require_float32,
    watched,
)
from stepsize.problems.torch.outside_graph import check_hooks, check_state  # noqa: E402
from stepsize.problems.torch.training_module import InPlace, Training  # noqa: E402

MODEL, LOSS = "model.", "loss."
DROPPED = ("_assert", "sym_constrain")  # nodes that check and compute nothing
UNUSED = ("device", "layout", "memory_format", "pin_memory", "generator", "non_blocking")


@released()
def export_model(
    model: nn.Module,
    loss: Callable[..., torch.Tensor],
    inputs: Sequence[torch.Tensor],
    target: torch.Tensor,
) -> ExportedModel:
    """Return a model and its loss as graphs for batches of any size.

    `loss(outputs, target)` returns a scalar. `inputs` and `target` are an example of a batch. The model
    itself is not changed.

    Raises: NoPopulation, in one sentence, for a model that cannot be exported or that JAX would not train as
    PyTorch does, ProblemError for one that PyTorch does not train either.
    """
    module, batch = _prepared(model, loss, inputs, target)
    names = parameter_names(module)
    evaluation = copy.deepcopy(module).eval()
    training = _exported(module, batch)
    reached = {names[name] for name in reached_parameters(training)}
    trained = {
        names[name]: p.requires_grad and names[name] in reached for name, p in module.named_parameters()
    }
    judging = _plain(_exported(evaluation, batch), names)
    for name in judging.mutated:
        raise NoPopulation(
            f"buffer {name!r} changes in evaluation mode, too, and a population keeps no change from its "
            "validation rows"
        )
    return ExportedModel(
        training=_plain(training, names),
        evaluation=judging,
        parameters=tuple(name for name, is_trained in trained.items() if is_trained),
        frozen=tuple(name for name, is_trained in trained.items() if not is_trained),
        buffers=tuple(names[name] for name, _ in module.named_buffers()),
    )


@released()
def training_graph(
    model: nn.Module,
    loss: Callable[..., torch.Tensor],
    inputs: Sequence[torch.Tensor],
    target: torch.Tensor,
) -> Graph:
    """Return the graph of a model and its loss in training mode alone; see `export_model`."""
    module, batch = _prepared(model, loss, inputs, target)
    return _plain(_exported(module, batch), parameter_names(module))


@released()
def export_metric(metric: Callable[..., torch.Tensor], outputs: torch.Tensor, target: torch.Tensor) -> Graph:
    """Return the graph of a metric, a function of outputs and targets with one number for each row.

    Raises: NoPopulation for a metric that cannot be exported, ProblemError if it returns anything else.
    """
    module, batch = Training(nn.Identity(), metric), (outputs, target)
    try:
        values, _ = module((outputs,), target)
    except Exception as error:  # a user's function may raise anything
        raise ProblemError(f"the metric cannot score a batch: {first_line(error)}") from error
    if not isinstance(values, torch.Tensor) or tuple(values.shape) != (len(target),):
        shown = f"a tensor {tuple(values.shape)}" if isinstance(values, torch.Tensor) else repr(values)
        raise ProblemError(
            f"metric {getattr(metric, '__name__', metric)!r} must return one number for each of the "
            f"{len(target)} rows, but returned {shown}; leave out .mean(): the score is the mean over rows"
        )
    return _plain(_exported(module, batch), {})


def _prepared(
    model: nn.Module,
    loss: Callable[..., torch.Tensor],
    inputs: Sequence[torch.Tensor],
    target: torch.Tensor,
) -> tuple[InPlace, tuple[torch.Tensor, ...]]:
    """Return a copy of the model with its loss for a graph, and an example batch, both checked."""
    check_module(model)
    check_graph(model)
    if isinstance(loss, nn.Module):
        check_hooks(loss, "loss")
    check_loss(loss)
    module, batch = Training(copy.deepcopy(model), copy.deepcopy(loss)), check_batch(inputs, target)
    module.train()
    check_forward(copy.deepcopy(module), batch)
    with explained(), watched():
        check_state(module, batch)
    return InPlace(module.model, module.loss), batch


def public_name(name: str) -> str:
    """Return the name of a tensor of `Training` as the user's `state_dict` has it.

    >>> public_name("model.0.weight"), public_name("loss.pos_weight")
    ('0.weight', 'loss:pos_weight')
    """
    return name.removeprefix(MODEL) if name.startswith(MODEL) else "loss:" + name.removeprefix(LOSS)


def parameter_names(module: nn.Module) -> dict[str, str]:
    """Return the public name of every parameter and buffer; shared ones have the name of the first."""
    pairs = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    first: dict[int, str] = {}
    return {name: first.setdefault(id(tensor), public_name(name)) for name, tensor in pairs}


def _exported(module: Training, batch: Sequence[torch.Tensor]) -> torch.export.ExportedProgram:
    rows = torch.export.Dim("batch")
    *inputs, target = ({0: rows} for _ in batch)
    arguments = (tuple(batch[:-1]), batch[-1])
    with explained(), watched():
        program = torch.export.export(module, arguments, dynamic_shapes=(tuple(inputs), target), strict=False)
        stop_gradients(program.graph_module)
        return program if is_functional(program) else program.run_decompositions({})


def reached_parameters(program: torch.export.ExportedProgram) -> set[str]:
    """Return the parameters that the loss has a gradient in; PyTorch leaves all others as they are."""
    signature = program.graph_signature
    nodes = {node.name: node for node in program.graph.nodes}
    waiting, seen = [nodes[str(next(iter(signature.user_outputs)))]], set()
    while waiting:
        node = waiting.pop()
        if node not in seen and node.target is not torch.ops.aten.detach.default and _is_differentiable(node):
            seen.add(node)
            waiting += node.all_input_nodes
    reached = {node.name for node in seen}
    return {target for name, target in signature.inputs_to_parameters.items() if name in reached}


def _is_differentiable(node: fx.Node) -> bool:
    values = node.meta.get("val")
    values = values if isinstance(values, list | tuple) else [values]
    return any(isinstance(value, torch.Tensor) and value.is_floating_point() for value in values)


def stop_gradients(module: fx.GraphModule) -> None:
    """Detach what enters a region without gradients, such as `torch.no_grad`, which decomposing forgets.

    A tensor that the region changes in place is not detached, so that the change reaches it.
    """
    for node in list(module.graph.nodes):
        if str(node.target) == "wrap_with_set_grad_enabled" and node.args[0] is False:
            region = module.get_submodule(str(node.args[1].target))
            assert isinstance(region, fx.GraphModule)
            for entry in region.graph.find_nodes(op="placeholder"):
                _detach(region, entry)
            region.recompile()
    for child in module.children():
        if isinstance(child, fx.GraphModule):
            stop_gradients(child)


def _detach(region: fx.GraphModule, entry: fx.Node) -> None:
    value = entry.meta.get("val")
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return
    if any(user.kwargs.get("out") is entry or _changes(user, entry) for user in entry.users):
        return
    users = list(entry.users)
    with region.graph.inserting_before(region.graph.find_nodes(op="placeholder")[-1].next):
        detached = region.graph.call_function(torch.ops.aten.detach.default, (entry,))
    detached.meta["val"] = value
    for user in users:
        user.replace_input_with(entry, detached)


def _changes(user: fx.Node, entry: fx.Node) -> bool:
    """Return whether a node changes `entry` in place."""
    name = str(user.target).split(".")
    return len(name) > 1 and name[1].endswith("_") and bool(user.args) and user.args[0] is entry


def _plain(program: torch.export.ExportedProgram, names: Mapping[str, str]) -> Graph:
    forget_fakes(program)
    signature = program.graph_signature
    if mutated := getattr(signature, "parameters_to_mutate", {}):
        name = public_name(next(iter(mutated.values())))
        raise NoPopulation(f"the model changes its parameter {name!r} in place while it computes")
    parameters = {name: names[target] for name, target in signature.inputs_to_parameters.items()}
    buffers = {name: names[target] for name, target in signature.inputs_to_buffers.items()}
    constants = {
        name: np.asarray(program.constants[target])
        for name, target in signature.inputs_to_lifted_tensor_constants.items()
    }
    nodes = [node for node in program.graph.nodes if node.op == "call_function"]
    for node in nodes:
        require_float32(node)
    structure = program.call_spec.out_spec
    assert structure is not None
    loss, outputs = structure.unflatten([Ref(str(name)) for name in signature.user_outputs])
    return Graph(
        parameters=parameters,
        buffers=buffers,
        constants=constants,
        batch=tuple(str(name) for name in signature.user_inputs),
        nodes=tuple(_node(node) for node in nodes if not _is_check(node)),
        loss=loss,
        outputs=_plain_outputs(outputs),
        mutated={names[target]: Ref(name) for name, target in signature.buffers_to_mutate.items()},
    )


def _operation(node: fx.Node) -> str:
    """Return the name of a node's operation without its namespace.

    Python's own operators on sizes are named as in `operator`.
    """
    is_aten = hasattr(node.target, "overloadpacket")
    name = str(node.target) if is_aten else getattr(node.target, "__name__", str(node.target))
    return name.removeprefix("aten.").removesuffix(".default")


def _is_check(node: fx.Node) -> bool:
    return _operation(node).startswith(DROPPED)


def _node(node: fx.Node) -> Node:
    keywords = {key: _argument(value) for key, value in node.kwargs.items() if key not in UNUSED}
    arguments = tuple(_argument(value) for value in node.args)
    return Node(node.name, _operation(node), arguments, keywords, place_of(node))


def _argument(value: Any) -> Any:
    if isinstance(value, fx.Node):
        return Ref(value.name)
    if isinstance(value, torch.dtype):
        return DType(str(value).removeprefix("torch."))
    if isinstance(value, list | tuple):
        return [_argument(item) for item in value]
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    return None  # a device or a memory layout


def _plain_outputs(value: Any) -> Any:
    """Return outputs as tuples, lists and dicts, whatever classes of them the model returns."""
    if isinstance(value, Mapping):
        return {str(key): _plain_outputs(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain_outputs(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_plain_outputs(item) for item in value)
    if isinstance(value, Ref) or value is None:
        return value
    raise NoPopulation(
        f"the model returns a {type(value).__name__}, not a tensor, or a tuple, list or dict of them"
    )
