"""Many runs of one model as one compiled JAX program.

The learning rate is read from a table, which is an input of the program, and so are the numbers that
candidates set: a new schedule or a new number never triggers a new compilation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from stepsize.engine.batches import Rows, take_rows
from stepsize.engine.batching.side_by_side import replicated, side_by_side, split_members
from stepsize.engine.checkpoints import Checkpoint, Clock
from stepsize.engine.first_loss import lost_together, require_finite_losses
from stepsize.engine.keras.member import KerasMember
from stepsize.engine.member import Driven, Member, Shared, State
from stepsize.engine.numeric_settings import Number
from stepsize.engine.planner import Layout
from stepsize.engine.rewriting import rewritten
from stepsize.engine.saved_state import arrays_of, restored
from stepsize.engine.scoring import Scoring
from stepsize.engine.task import Block, Curves, Task
from stepsize.engine.torch.member import TorchMember
from stepsize.schedules import plateau_rule

ACROSS = PartitionSpec("devices")
EVERYWHERE = PartitionSpec()
OPTIONS = {
    "xla_cpu_experimental_ynn_fusion_type": "",  # keep sums in the loops that compute their terms: faster
}
OWN_CORE = {
    "xla_cpu_multi_thread_eigen": False,  # a product on the core of its device, without a queue for others
}

Carried = tuple[State, Shared]
"""What a block carries from one update to the next: the states of its members, side by side."""


def member_of(task: Task) -> Member:
    """Return the member of a task, by what its model is made of."""
    return TorchMember(task) if "torch" in task.model else KerasMember(task)


class Population:
    """A compiled trainer for blocks of runs: `compile` it once, then `train` as many blocks as there are."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.member = member_of(task)
        seed: Any = jax.ShapeDtypeStruct((), jnp.uint32)
        number: Any = jax.ShapeDtypeStruct((), jnp.float32)
        self._rule = plateau_rule.PlateauRule(*[number] * len(plateau_rule.PlateauRule._fields))
        self._state, self._shared = jax.eval_shape(
            self.member.start, seed, self.member.initial_shapes, self._rule
        )
        plain = task.is_text and not jax.tree.leaves(self._shared)  # dense layers, without dropout
        form = _unchanged if plain or jax.default_backend() != "cpu" else rewritten
        self.update, self.gradients = form(self.member.update), form(self.member.gradients)
        self._scoring = Scoring(self.member, task, form(self.member.predict))
        names = task.variants[0] if task.variants else ()
        self._driven = Driven(
            number,
            number if task.scheduled_momentum else None,
            {name: Number(number, number) for name in names},
            {name: number for name in task.multipliers},
        )
        self._rows_checked = False
        self.traces = 0
        self.compile_seconds = 0.0

    def one(self) -> tuple[tuple[State, Driven], Shared]:
        """Return the shapes of one member's own values, and of those that members share."""
        return (self._state, self._driven), self._shared

    def compile(self, layout: Layout) -> None:
        """Set the layout; the programs themselves are compiled at the first call."""
        self.layout = layout
        mesh = Mesh(np.array(jax.devices()[: layout.devices]), ("devices",))
        self._options = OWN_CORE if layout.devices == len(jax.devices()) else {}
        self._across = NamedSharding(mesh, ACROSS)
        self._data = jax.device_put(self.member.rows(), NamedSharding(mesh, EVERYWHERE))

        def sharded(function: Callable[..., Any], *specs: PartitionSpec) -> Callable[..., Any]:
            return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=ACROSS, check_vma=False)

        self._start = self._compiled(sharded(self._start_blocks, ACROSS, ACROSS, ACROSS))
        train = sharded(self._train_blocks, EVERYWHERE, ACROSS, ACROSS, ACROSS)
        self._segment = self._compiled(train, donate=(2,))

    def train(
        self,
        blocks: Sequence[Block],
        on_segment: Callable[[float], None] = lambda share: None,
        checkpoint: Checkpoint | None = None,
    ) -> list[Curves]:
        """Train up to `layout.blocks` blocks; return the curves of each, [members, epochs].

        With a `checkpoint`, the state is saved there now and then between segments. If there is one of the
        same call, training continues from it, and the curves are those of a call that was not interrupted.

        Raises: ProblemError if a row of the data, not a rate, made all runs of a block diverge.
        """
        curves = self._run(blocks, on_segment, checkpoint)[0]
        for block, each in zip(blocks, curves, strict=True):
            if not self._rows_checked and lost_together(each, self.task.updates_per_epoch):
                require_finite_losses(self.member, self.member.rows(), block)
                self._rows_checked = True
        return curves

    def run(
        self, blocks: Sequence[Block], on_segment: Callable[[float], None] = lambda share: None
    ) -> tuple[list[Curves], State]:
        """Train as `train` does; return the curves and the final states, [blocks, members, ...]."""
        curves, (state, _) = self._run(blocks, on_segment)
        states = jax.vmap(partial(split_members, members=self.layout.members, like=self._state))(state)
        places = np.argsort(self.layout.order)[: len(blocks)]
        return curves, jax.tree.map(lambda leaf: leaf[places], states)

    def _run(
        self,
        blocks: Sequence[Block],
        on_segment: Callable[[float], None],
        checkpoint: Checkpoint | None = None,
    ) -> tuple[list[Curves], Carried]:
        order = self.layout.order
        active = order < len(blocks)
        padded = [blocks[min(i, len(blocks) - 1)] for i in order]
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *padded)
        active, stacked = jax.device_put((active, stacked), self._across)
        carried = self._start(stacked.seed, stacked.initial, stacked.rules)
        stacked = stacked._replace(initial=None)
        saved = None if checkpoint is None else restored(checkpoint.load(), carried)
        start, carried, parts = saved or (0, carried, [])
        clock = Clock(checkpoint)
        for first in range(start, self.task.epochs, self.layout.segment):
            last = first + self.layout.segment
            segment = stacked._replace(
                order=stacked.order[:, first:last],
                rates=self._updates(stacked.rates, first, last),
                momenta=None if stacked.momenta is None else self._updates(stacked.momenta, first, last),
            )
            carried, series = self._segment(self._data, active, carried, segment)
            parts.append(jax.tree.map(np.asarray, series))
            if checkpoint is not None and last < self.task.epochs and clock.is_due():
                checkpoint.save(arrays_of(carried, parts, last))
            on_segment(last / self.task.epochs)
        diverged_at = np.asarray(carried[0].diverged_at)
        whole = [np.concatenate(series, axis=-1) for series in zip(*parts, strict=True)]
        places = np.argsort(order)[: len(blocks)]
        return [Curves(*[*(series[i] for series in whole), diverged_at[i]]) for i in places], carried

    def _updates(self, table: jax.Array, first: int, last: int) -> jax.Array:
        """Return the updates of some epochs from a table by update."""
        per_epoch = self.task.updates_per_epoch
        return table[:, :, first * per_epoch : last * per_epoch]

    def _compiled(self, function: Callable[..., Any], donate: tuple[int, ...] = ()) -> Callable[..., Any]:
        """Compile at the first call, counting its time apart from training."""
        jitted = jax.jit(function, donate_argnums=donate)
        compiled: list[Any] = []

        def call(*args: Any) -> Any:
            if not compiled:
                began = time.perf_counter()
                compiled.append(_compile(jitted.lower(*args), self._options))
                self.compile_seconds += time.perf_counter() - began
            return compiled[0](*args)

        return call

    # -- the blocks of a device, one after another ---------------------------------------------------

    def _start_blocks(self, seeds: jax.Array, initial: Any, rules: plateau_rule.PlateauRule) -> Carried:
        return jax.lax.map(lambda args: self._start_block(*args), (seeds, initial, rules))

    def _train_blocks(self, data: Rows, active: jax.Array, carried: Carried, blocks: Block) -> Any:
        self.traces += 1

        def train(args: Any) -> Any:
            return self._train_block(data, *args)

        def skip(args: Any) -> Any:
            carried, block = args
            shape = (self.layout.members, block.order.shape[0])
            return carried, tuple(jnp.zeros(shape, jnp.float32) for _ in Curves._fields[:-1])

        groups = jax.tree.map(
            lambda leaf: leaf.reshape(-1, self.layout.abreast, *leaf.shape[1:]), (active, carried, blocks)
        )
        if self.layout.abreast == 1:
            blocks_alone = jax.tree.map(lambda leaf: leaf[:, 0], groups)
            return jax.lax.map(lambda args: jax.lax.cond(args[0], train, skip, args[1:]), blocks_alone)
        results = jax.lax.map(
            lambda args: jax.lax.cond(args[0].any(), jax.vmap(train), jax.vmap(skip), args[1:]), groups
        )
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), results)

    # -- one block: a seed and its members -----------------------------------------------------------

    def _start_block(self, seed: jax.Array, initial: Any, rules: plateau_rule.PlateauRule) -> Carried:
        members = self.layout.members
        rule = plateau_rule.PlateauRule(*[values[0] for values in rules])
        state, shared = self.member.start(seed, initial, rule)
        plateau, _ = side_by_side(lambda rule: (plateau_rule.init(rule), ()), members, self._rule)(rules)
        return replicated(state, members)._replace(plateau=plateau), shared

    def _train_block(self, data: Rows, carried: Carried, block: Block) -> Any:
        size, rows, epochs = self.task.batch_size, self.task.train_rows, len(block.order)
        full, members = rows // size, self.layout.members
        update = side_by_side(self.update, members, (self._state, self._driven))

        def step(carried: Carried, feed: tuple[jax.Array, Driven]) -> tuple[Carried, jax.Array]:
            batch = take_rows(data, block, feed[0])
            driven = feed[1]._replace(settings=block.settings, multipliers=block.multipliers)
            (state, loss), shared = update((carried[0], driven), carried[1], batch)
            return (with_fused_sums(state, carried[0], feed[0][0] >= 0), shared), loss

        def epoch(carried: Carried, feed: tuple[jax.Array, Driven]) -> tuple[Carried, Any]:
            order, planned = feed
            driven = planned._replace(rate=planned.rate * carried[0].plateau.scale)
            batches = order[: full * size].reshape(full, size)
            carried, losses = jax.lax.scan(step, carried, (batches, jax.tree.map(lambda v: v[:full], driven)))
            train_loss = losses.sum(axis=0) * size
            if rows % size:
                last = jax.tree.map(lambda v: v[full], driven)
                carried, loss = step(carried, (order[full * size :], last))
                train_loss += loss * (rows % size)
            valid_loss, score = self._scoring.judge(*carried, self._state, data, block, members)
            series = (train_loss / rows, valid_loss, score)
            state = carried[0]._replace(plateau=self._observe(block, carried[0].plateau, series))
            return (state, carried[1]), (*series, driven.rate[-1])

        by_epoch = jax.tree.map(
            lambda table: table.T.reshape(epochs, -1, members), Driven(block.rates, block.momenta)
        )
        carried, curves = jax.lax.scan(epoch, carried, (block.order, by_epoch))
        return carried, jax.tree.map(jnp.transpose, curves)

    def _observe(
        self, block: Block, plateau: plateau_rule.PlateauState, series: Any
    ) -> plateau_rule.PlateauState:
        """Pass each plateau rule the series it watches: validation loss, metric or training loss."""
        train_loss, valid_loss, score = series
        watched = jnp.stack([valid_loss, score, train_loss])
        value = jnp.take_along_axis(watched, block.watch[None], axis=0)[0]

        def observe(arguments: Any) -> Any:
            return plateau_rule.observe(*arguments), ()

        like = (self._rule, self._state.plateau, jax.ShapeDtypeStruct((), value.dtype))
        return side_by_side(observe, self.layout.members, like)((block.rules, plateau, value))[0]


def with_fused_sums(new: State, old: State, always: jax.Array) -> State:
    """Return the new state, with the weights behind a choice that `always` makes, unknown to the compiler.

    XLA compiles the sum of a weight and its step, alone, to a loop over tiles of 16 numbers, which takes four
    times as long as the sum inside a choice; it was a tenth to a sixth of an update.
    """
    weights = jax.tree.map(lambda after, before: jnp.where(always, after, before), new.weights, old.weights)
    return new._replace(weights=weights)


def _unchanged(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def _compile(lowered: Any, options: dict[str, Any]) -> Any:
    """Compile with our options on a CPU, and without them where XLA does not know them any more.

    A program with convolutions is compiled without `OPTIONS`: XLA then leaves products and long sums to a
    library, which saves 10 to 30 % of an update. Short sums would take up to twice as long.
    """
    if jax.default_backend() != "cpu":
        return lowered.compile()
    if "convolution" not in lowered.as_text():
        options = OPTIONS | options
    try:
        return lowered.compile(options)
    except jax.errors.JaxRuntimeError as error:
        if "No such compile option" not in str(error):
            raise
        return lowered.compile()
