"""Many runs of one Keras model as one compiled JAX program.

The model and its optimizer are used through Keras' own stateless functions, the ones that `fit` uses on
JAX, so a member of the population makes the very updates that `fit` would make. The learning rate is
read from a table, which is an input: another schedule never compiles anything again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from stepsize.engine.initial import is_generator_state, recorded_initialisers, starter
from stepsize.engine.planner import Layout
from stepsize.engine.rows import Batch, Rows, Scoring, rows_of, taken
from stepsize.engine.settings import build_task, driven_momentum, factors_of, scaled
from stepsize.engine.task import Block, Curves, Task
from stepsize.schedules import metric

ACROSS = PartitionSpec("devices")
EVERYWHERE = PartitionSpec()
EVALUATED = 512  # validation rows of a piece, or a batch's if those are more


class State(NamedTuple):
    """All that a run carries from one update to the next."""

    weights: list[jax.Array]
    others: list[jax.Array]  # non-trainable weights, such as moving means
    generators: list[jax.Array]  # shared by the members of a block
    slots: list[jax.Array]  # the optimizer's variables
    update: jax.Array
    diverged_at: jax.Array
    plateau: metric.PlateauState


class Driven(NamedTuple):
    """What schedules drive: the rate, and the momentum where it has a schedule; of one update or of many."""

    rate: jax.Array
    momentum: jax.Array | None


MEMBER_AXES: Any = State(*[0, 0, None, 0, 0, 0, 0])


class Population:
    """A compiled trainer for blocks of runs; `train` it as often as there are blocks."""

    def __init__(self, task: Task) -> None:
        self.task = task
        with recorded_initialisers() as noted:
            self.built = build_task(task)
        self.model, self.optimizer = self.built.model, self.built.model.optimizer
        self._scoring = Scoring(self.built)
        self._factors = factors_of(self.model, task.multipliers)
        self._generator = [is_generator_state(v) for v in self.model.non_trainable_variables]
        self._rate_slot = [v is self.optimizer._learning_rate for v in self.optimizer.variables].index(True)
        self._slots = [v.value for v in self.optimizer.variables]
        variables = [*self.model.trainable_variables, *self.model.non_trainable_variables]
        self._initial = starter(variables, {} if task.model.get("from_weights") else noted)
        self.weights = sum(int(np.prod(v.shape)) for v in self.model.trainable_variables)
        self.traces = 0
        self.compile_seconds = 0.0

    def compile(self, layout: Layout) -> None:
        """Lay the population out; the programs themselves are compiled at the first call."""
        self.layout = layout
        mesh = Mesh(np.array(jax.devices()[: layout.devices]), ("devices",))
        self._across = NamedSharding(mesh, ACROSS)
        self._data = jax.device_put(rows_of(self.task, self.built), NamedSharding(mesh, EVERYWHERE))

        def sharded(function: Callable[..., Any], *specs: PartitionSpec) -> Callable[..., Any]:
            return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=ACROSS, check_vma=False)

        self._start = self._compiled(sharded(self._start_blocks, ACROSS, ACROSS))
        train = sharded(self._train_blocks, EVERYWHERE, ACROSS, ACROSS, ACROSS)
        self._segment = self._compiled(train, donate=(2,))

    def initial(self, seed: int | jax.Array) -> tuple[list[jax.Array], list[jax.Array]]:
        """Give the trainable and the non-trainable variables that every run of `seed` starts from."""
        values = self._initial(jnp.uint32(seed))
        trainable = len(self.model.trainable_variables)
        return values[:trainable], values[trainable:]

    def train(
        self, blocks: Sequence[Block], on_segment: Callable[[float], None] = lambda share: None
    ) -> list[Curves]:
        """Train up to `layout.blocks` blocks; give the curves of each, [members, epochs]."""
        return self.run(blocks, on_segment)[0]

    def run(
        self, blocks: Sequence[Block], on_segment: Callable[[float], None] = lambda share: None
    ) -> tuple[list[Curves], State]:
        """Train as `train` does; give the curves, and the state that all blocks end with."""
        active = np.arange(self.layout.blocks) < len(blocks)
        padded = [blocks[min(i, len(blocks) - 1)] for i in range(self.layout.blocks)]
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *padded)
        active, stacked = jax.device_put((active, stacked), self._across)
        state = self._start(stacked.seed, stacked.rules)
        parts = []
        for first in range(0, self.task.epochs, self.layout.segment):
            last = first + self.layout.segment
            piece = stacked._replace(
                order=stacked.order[:, first:last],
                rates=self._piece(stacked.rates, first, last),
                momenta=None if stacked.momenta is None else self._piece(stacked.momenta, first, last),
            )
            state, series = self._segment(self._data, active, state, piece)
            parts.append(jax.tree.map(np.asarray, series))
            on_segment(last / self.task.epochs)
        diverged_at = np.asarray(state.diverged_at)
        whole = [np.concatenate(series, axis=-1) for series in zip(*parts, strict=True)]
        curves = [Curves(*[*(series[i] for series in whole), diverged_at[i]]) for i in range(len(blocks))]
        return curves, state

    def _piece(self, table: jax.Array, first: int, last: int) -> jax.Array:
        per_epoch = self.task.updates_per_epoch
        return table[:, :, first * per_epoch : last * per_epoch]

    def _compiled(self, function: Callable[..., Any], donate: tuple[int, ...] = ()) -> Callable[..., Any]:
        """Compile at the first call, and keep the time it took apart from training."""
        jitted = jax.jit(function, donate_argnums=donate)
        compiled: list[Any] = []

        def call(*args: Any) -> Any:
            if not compiled:
                began = time.perf_counter()
                compiled.append(jitted.lower(*args).compile())
                self.compile_seconds += time.perf_counter() - began
            return compiled[0](*args)

        return call

    # -- one block: a seed and its members ---------------------------------------------------------

    def _start_blocks(self, seeds: jax.Array, rules: metric.PlateauRule) -> State:
        return jax.lax.map(lambda args: self.start_block(*args), (seeds, rules))

    def start_block(self, seed: jax.Array, rules: metric.PlateauRule) -> State:
        weights, non_trainable = self.initial(seed)
        others, generators = self._parted(non_trainable)

        def member(rule: metric.PlateauRule) -> State:
            never = jnp.int32(-1)
            return State(weights, others, generators, self._slots, jnp.int32(0), never, metric.init(rule))

        return jax.vmap(member, out_axes=MEMBER_AXES)(rules)

    def _train_blocks(self, data: Any, active: jax.Array, state: State, blocks: Block) -> Any:
        self.traces += 1

        def train(args: Any) -> Any:
            state, block = args
            members = (block.rates, block.rules, block.watch, block.momenta)
            run = partial(self._member, data, block)
            if self.layout.members == 1:  # in series: not even a vmap of one, which some models cannot take
                state, curves = run(alone(state), *jax.tree.map(lambda leaf: leaf[0], members))
                return alone(state, back=True), jax.tree.map(lambda leaf: leaf[None], curves)
            axes = (MEMBER_AXES, 0)
            return jax.vmap(run, in_axes=(*axes, 0, 0, 0), out_axes=axes)(state, *members)

        def skip(args: Any) -> Any:
            state, block = args
            shape = (self.layout.members, block.order.shape[0])
            return state, tuple(jnp.zeros(shape, jnp.float32) for _ in Curves._fields[:-1])

        return jax.lax.map(lambda args: jax.lax.cond(args[0], train, skip, args[1:]), (active, state, blocks))

    # -- one member --------------------------------------------------------------------------------

    def _member(
        self,
        data: Any,
        block: Block,
        state: State,
        rates: jax.Array,
        rule: metric.PlateauRule,
        watch: jax.Array,
        momenta: jax.Array | None,
    ) -> tuple[State, tuple[jax.Array, ...]]:
        size, rows = self.task.batch_size, self.task.train_rows
        full = rows // size

        def epoch(state: State, feed: tuple[jax.Array, jax.Array, jax.Array | None]) -> Any:
            order, planned, momenta = feed
            rates = planned * state.plateau.scale
            driven = Driven(rates, momenta)

            def step(state: State, feed: tuple[jax.Array, Driven]) -> tuple[State, jax.Array]:
                rows, driven = feed
                return self.update(taken(data, block, rows), state, driven)

            batches = order[: full * size].reshape(full, size)
            state, losses = jax.lax.scan(step, state, (batches, jax.tree.map(lambda v: v[:full], driven)))
            train_loss = losses.sum() * size
            if rows % size:
                last = jax.tree.map(lambda v: v[full], driven)
                state, loss = step(state, (order[full * size :], last))
                train_loss += loss * (rows % size)
            valid_loss, score = self._evaluate(data, block, state)
            curves = (train_loss / rows, valid_loss, score, rates[-1])
            watched = jnp.stack([valid_loss, score, train_loss / rows])[watch]
            return state._replace(plateau=metric.observe(rule, state.plateau, watched)), curves

        by_epoch = jax.tree.map(lambda v: v.reshape(len(block.order), -1), Driven(rates, momenta))
        return jax.lax.scan(epoch, state, (block.order, *by_epoch))

    def update(self, batch: Batch, state: State, driven: Driven) -> tuple[State, jax.Array]:
        """Make one optimizer update; a run whose loss is not finite keeps its last state for good."""
        grad = jax.value_and_grad(self.model.compute_loss_and_updates, has_aux=True)
        (loss, (_, _, non_trainable, _)), gradients = grad(
            state.weights,
            self._joined(state),
            [],
            batch.x,
            batch.y,
            batch.weights,
            training=True,
            optimizer_variables=state.slots,
        )
        slots = list(state.slots)
        slots[self._rate_slot] = driven.rate.astype(slots[self._rate_slot].dtype)
        with driven_momentum(self.optimizer, driven.momentum):
            weights, slots = self.optimizer.stateless_apply(slots, gradients, state.weights)
        weights = scaled(weights, state.weights, self._factors)
        others, generators = self._parted(non_trainable)
        sound = (state.diverged_at < 0) & jnp.isfinite(loss)
        first = ~sound & (state.diverged_at < 0)

        def keep(new: Any, old: Any) -> Any:
            return jax.tree.map(lambda a, b: jnp.where(sound, a, b), list(new), list(old))

        after = State(
            keep(weights, state.weights),
            keep(others, state.others),
            generators,
            keep(slots, state.slots),
            state.update + 1,
            jnp.where(first, state.update, state.diverged_at),
            state.plateau,
        )
        return after, loss

    def _evaluate(self, data: Rows, block: Block, state: State) -> tuple[jax.Array, jax.Array]:
        """Give loss and metric on the validation part, in pieces that keep memory small."""
        weights, others = self._judged(state), self._joined(state)

        def piece(so_far: Any, rows: jax.Array) -> Any:
            batch = taken(data, block, rows)
            loss, (_, predicted, _, _) = self.model.compute_loss_and_updates(
                weights, others, [], batch.x, batch.y, None, training=False
            )
            scored = self._scoring.add(so_far[1], batch.scored, predicted, block.target)
            return (so_far[0] + loss * len(rows), scored), None

        count, size = len(block.valid), max(self.task.batch_size, EVALUATED)
        whole = count - count % size
        sums: Any = (jnp.float32(0), self._scoring.start())
        if whole:
            sums, _ = jax.lax.scan(piece, sums, block.valid[:whole].reshape(-1, size))
        if whole < count:
            sums, _ = piece(sums, block.valid[whole:])
        lost = state.diverged_at >= 0
        loss, score = sums[0] / count, self._scoring.result(sums[1])
        return jnp.where(lost, jnp.nan, loss), jnp.where(lost, jnp.nan, score)

    def _judged(self, state: State) -> list[jax.Array]:
        """Give the weights that `fit` would leave behind: the averages where the optimizer keeps them."""
        if not self.optimizer.use_ema:
            return state.weights
        variables = self.model.trainable_variables
        present = [*zip(variables, state.weights, strict=True)]
        present += zip(self.optimizer.variables, state.slots, strict=True)
        with keras.StatelessScope(state_mapping=present) as scope:
            self.optimizer.finalize_variable_values(variables)
            return [cast(jax.Array, scope.get_current_value(variable)) for variable in variables]

    def _parted(self, non_trainable: Sequence[jax.Array]) -> tuple[list[jax.Array], list[jax.Array]]:
        pairs = list(zip(self._generator, non_trainable, strict=True))
        return [v for is_state, v in pairs if not is_state], [v for is_state, v in pairs if is_state]

    def _joined(self, state: State) -> list[jax.Array]:
        others, generators = iter(state.others), iter(state.generators)
        return [next(generators if is_state else others) for is_state in self._generator]


def alone(state: State, back: bool = False) -> State:
    """Take the only member out of a block's state, or make it a block's state again."""
    own = jax.tree.map(lambda leaf: leaf[None] if back else leaf[0], state._replace(generators=[]))
    return own._replace(generators=state.generators)
