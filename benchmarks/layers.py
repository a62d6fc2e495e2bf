"""Every kind of Keras layer: an update alone, compiled by itself, beside one in the loop of a population.

    python benchmarks/layers.py --output benchmarks/layers

XLA computes some operations far more slowly inside a loop than outside one, and a population is a loop. Each
layer stands in a small network of its own. Its update is compiled and called by itself, as Keras' `fit` does
it, and trained in a population of one run; the two are timed in turn. Times are processor time, which other
work on the machine changes least, and the shortest of several.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np
from keras import layers
from machine import machine, versions

from stepsize.engine import random_bits
from stepsize.engine.batch_order import batch_order
from stepsize.engine.batches import take_rows
from stepsize.engine.keras.member import KerasMember
from stepsize.engine.member import Driven
from stepsize.engine.planner import Layout
from stepsize.engine.population import Population
from stepsize.engine.task import Block, Task
from stepsize.problems.models.model_transport import travel_form
from stepsize.schedules.plateau_rule import NEUTRAL, PlateauRule

BATCH, UPDATES, REPEATS, CLASSES = 32, 6, 5, 4
SLOW = 2.0  # times slower in the loop, from which a row is marked
LEAST, MOST = 0.05, 100  # seconds of a timing, and epochs of a population at most
TABLE, SERIES, IMAGES, VOLUMES = (64,), (32, 16), (16, 16, 16), (8, 8, 8, 8)
WORDS, VOCABULARY = (32,), 500

Make = Callable[[], Sequence[keras.Layer]]


class Layer(NamedTuple):
    """The shape of a row, and the layers under test; those after them are added."""

    row: tuple[int, ...]
    make: Make


def attention() -> keras.Model:
    """Return self-attention as a model, because its layer takes its input twice."""
    words = keras.Input(SERIES)
    return keras.Model(words, layers.MultiHeadAttention(4, 16)(words, words))


def residual() -> keras.Model:
    """Return a residual block of two convolutions."""
    images = keras.Input(IMAGES)
    hidden = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same")(images)))
    return keras.Model(images, layers.Add()([images, layers.Conv2D(16, 3, padding="same")(hidden)]))


def scaled(row: tuple[int, ...]) -> Make:
    """Return a learned scale, so that a layer without weights has a gradient to pass on."""
    return lambda: [layers.LayerNormalization()] if len(row) > 1 else [layers.Dense(64)]


def after(row: tuple[int, ...], *make: Callable[[], keras.Layer]) -> Layer:
    """Return layers without weights behind a learned scale."""
    return Layer(row, lambda: [*scaled(row)(), *(each() for each in make)])


LAYERS: dict[str, Layer] = {
    "Dense": Layer(TABLE, lambda: [layers.Dense(64, "relu")]),
    "EinsumDense": Layer(SERIES, lambda: [layers.EinsumDense("abc,cd->abd", (32, 32))]),
    "Embedding": Layer(WORDS, lambda: [layers.Embedding(VOCABULARY, 32)]),
    "Conv1D": Layer(SERIES, lambda: [layers.Conv1D(32, 3, padding="same")]),
    "Conv1D, causal, dilated": Layer(
        SERIES, lambda: [layers.Conv1D(32, 3, padding="causal", dilation_rate=2)]
    ),
    "Conv2D": Layer(IMAGES, lambda: [layers.Conv2D(32, 3, padding="same")]),
    "Conv2D, strides 2": Layer(IMAGES, lambda: [layers.Conv2D(32, 3, 2, padding="same")]),
    "Conv2D, 1 x 1": Layer(IMAGES, lambda: [layers.Conv2D(32, 1)]),
    "Conv2D, dilated": Layer(IMAGES, lambda: [layers.Conv2D(32, 3, dilation_rate=2)]),
    "Conv2D, 4 groups": Layer(IMAGES, lambda: [layers.Conv2D(32, 3, padding="same", groups=4)]),
    "Two Conv2D": Layer(IMAGES, lambda: [layers.Conv2D(32, 3), layers.Conv2D(32, 3)]),
    "Conv3D": Layer(VOLUMES, lambda: [layers.Conv3D(16, 3, padding="same")]),
    "DepthwiseConv1D": Layer(SERIES, lambda: [layers.DepthwiseConv1D(3, padding="same")]),
    "DepthwiseConv2D": Layer(IMAGES, lambda: [layers.DepthwiseConv2D(3, padding="same")]),
    "SeparableConv1D": Layer(SERIES, lambda: [layers.SeparableConv1D(32, 3)]),
    "SeparableConv2D": Layer(IMAGES, lambda: [layers.SeparableConv2D(32, 3)]),
    "Conv1DTranspose": Layer(SERIES, lambda: [layers.Conv1DTranspose(16, 3, 2)]),
    "Conv2DTranspose": Layer(IMAGES, lambda: [layers.Conv2DTranspose(16, 3, 2)]),
    "Conv3DTranspose": Layer(VOLUMES, lambda: [layers.Conv3DTranspose(8, 3, 2)]),
    "Residual block": Layer(IMAGES, lambda: [residual()]),
    "MaxPooling1D": after(SERIES, lambda: layers.MaxPooling1D(2)),
    "MaxPooling2D": after(IMAGES, lambda: layers.MaxPooling2D(2)),
    "MaxPooling2D, overlapping": after(IMAGES, lambda: layers.MaxPooling2D(3, 2, padding="same")),
    "MaxPooling3D": after(VOLUMES, lambda: layers.MaxPooling3D(2)),
    "AveragePooling1D": after(SERIES, lambda: layers.AveragePooling1D(2)),
    "AveragePooling2D": after(IMAGES, lambda: layers.AveragePooling2D(2)),
    "AveragePooling2D, overlapping": after(IMAGES, lambda: layers.AveragePooling2D(3, 2, padding="same")),
    "AveragePooling3D": after(VOLUMES, lambda: layers.AveragePooling3D(2)),
    "GlobalAveragePooling2D": after(IMAGES, layers.GlobalAveragePooling2D),
    "GlobalMaxPooling2D": after(IMAGES, layers.GlobalMaxPooling2D),
    "UpSampling2D": after(IMAGES, lambda: layers.UpSampling2D(2)),
    "UpSampling2D, bilinear": after(IMAGES, lambda: layers.UpSampling2D(2, interpolation="bilinear")),
    "ZeroPadding2D and Cropping2D": after(
        IMAGES, lambda: layers.ZeroPadding2D(2), lambda: layers.Cropping2D(1)
    ),
    "Permute and Reshape": after(
        IMAGES, lambda: layers.Permute((3, 1, 2)), lambda: layers.Reshape((16, 256))
    ),
    "BatchNormalization": Layer(IMAGES, lambda: [layers.BatchNormalization()]),
    "LayerNormalization": Layer(IMAGES, lambda: [layers.LayerNormalization()]),
    "GroupNormalization": Layer(IMAGES, lambda: [layers.GroupNormalization(4)]),
    "UnitNormalization": after(IMAGES, layers.UnitNormalization),
    "PReLU": Layer(IMAGES, lambda: [layers.PReLU()]),
    "Dropout": after(TABLE, lambda: layers.Dropout(0.3)),
    "SpatialDropout2D": after(IMAGES, lambda: layers.SpatialDropout2D(0.3)),
    "GaussianNoise": after(TABLE, lambda: layers.GaussianNoise(0.1)),
    "SimpleRNN": Layer(SERIES, lambda: [layers.SimpleRNN(32)]),
    "LSTM": Layer(SERIES, lambda: [layers.LSTM(32)]),
    "GRU": Layer(SERIES, lambda: [layers.GRU(32)]),
    "Bidirectional LSTM": Layer(SERIES, lambda: [layers.Bidirectional(layers.LSTM(16))]),
    "ConvLSTM1D": Layer((6, 16, 8), lambda: [layers.ConvLSTM1D(8, 3)]),
    "TimeDistributed Dense": Layer(SERIES, lambda: [layers.TimeDistributed(layers.Dense(32))]),
    "MultiHeadAttention": Layer(SERIES, lambda: [attention()]),
    "Softmax": after(SERIES, layers.Softmax),
}


def task_of(layer: Layer, epochs: int) -> Task:
    """Return the task of a network around the layers, on random rows."""
    keras.utils.clear_session(free_memory=False)
    rng, rows = np.random.default_rng(0), BATCH * UPDATES + 1  # one row is judged
    if layer.row is WORDS:
        x = rng.integers(0, VOCABULARY, (rows, *layer.row)).astype(np.int32)
    else:
        x = rng.normal(size=(rows, *layer.row)).astype(np.float32)
    y = rng.integers(0, CLASSES, rows).astype(np.int32)
    end = [layers.Flatten(), layers.Dense(CLASSES, "softmax")]
    model = keras.Sequential([keras.Input(layer.row, dtype=str(x.dtype)), *layer.make(), *end])
    model.compile(keras.optimizers.SGD(momentum=0.9), "sparse_categorical_crossentropy")
    form = travel_form(model, CLASSES)
    return Task(form, {}, x, y, "multiclass", CLASSES, CLASSES, BATCH * UPDATES, BATCH, epochs)


def block_of(task: Task) -> Block:
    """Return the block of one run at a constant rate."""
    order = batch_order(np.arange(task.train_rows), 0, task.epochs)
    rates = np.full((1, UPDATES * task.epochs), 0.01, np.float32)
    rules = PlateauRule(*np.array([NEUTRAL], np.float32).T)
    valid = np.arange(task.train_rows, task.train_rows + 1, dtype=np.int32)
    return Block(np.uint32(0), order, valid, {}, None, rates, rules, np.zeros(1, np.int32))


def alone(task: Task) -> Callable[[], Any]:
    """Return the function that makes one update by a call of its own, as often as it is called."""
    member, block = KerasMember(task), block_of(task)
    rules = jax.tree.map(lambda values: values[0], block.rules)
    batch = take_rows(member.rows(), block, block.order[0, :BATCH])
    driven = Driven(jax.numpy.float32(0.01), None)
    update = jax.jit(lambda state, generators: member.update((state, driven), generators, batch))
    held: list[Any] = [member.start(block.seed, None, rules)]

    def run() -> None:
        (state, _), generators = update(*held[0])
        held[0] = jax.block_until_ready((state, generators))

    return run


def looped(task: Task) -> Callable[[], Any]:
    """Return the function that trains a population of one run."""
    population, block = Population(task), block_of(task)
    population.compile(Layout(1, 1, 1, task.epochs, "one run"))
    return lambda: population.train([block])


def seconds_of(function: Callable[[], Any], often: int = 1) -> float:
    """Return the processor time of one call of a function that is called `often`."""
    began = time.process_time()
    for _ in range(often):
        function()
    return (time.process_time() - began) / often


def compared(layer: Layer) -> tuple[float, float]:
    """Return the shortest milliseconds of an update alone and in the loop, timed in turn."""
    task = task_of(layer, 1)
    single = alone(task)
    single()
    epochs = max(1, min(MOST, round(LEAST / seconds_of(single, UPDATES) / UPDATES)))
    task = replace(task, epochs=epochs)
    loop, updates = looped(task), UPDATES * epochs
    loop()
    times = [(seconds_of(single, updates), seconds_of(loop) / updates) for _ in range(REPEATS)]
    return 1e3 * min(one for one, _ in times), 1e3 * min(other for _, other in times)


def measure(names: Sequence[str]) -> list[dict[str, Any]]:
    """Time every layer alone and in the loop."""
    rows = []
    for name in names:
        one, loop = compared(LAYERS[name])
        rows.append({"layer": name, "alone": one, "loop": loop, "ratio": loop / one})
        print(f"{name}: {one:.3f} ms alone, {loop:.3f} ms in the loop, {loop / one:.2f}x", flush=True)
    return rows


def markdown(rows: list[dict[str, Any]], where: str) -> str:
    """Return the table, the layers that are slow in the loop marked."""
    lines = ["| layer | alone, ms | in the loop, ms | loop / alone |", "| --- | ---: | ---: | ---: |"]
    for row in rows:
        ratio = f"{row['ratio']:.2f}"
        ratio = f"**{ratio}**" if row["ratio"] > SLOW else ratio
        lines.append(f"| {row['layer']} | {row['alone']:.3f} | {row['loop']:.3f} | {ratio} |")
    return f"{where}\n\nProcessor time of an update of {BATCH} rows.\n\n" + "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", default=list(LAYERS), metavar="LAYER", help="some of the layers")
    parser.add_argument("--output", type=Path, help="where to write PATH.md and PATH.json")
    arguments = parser.parse_args()
    jax.config.update("jax_platforms", "cpu")
    random_bits.use()
    rows = measure(arguments.only)
    results = {"machine": machine(), "versions": versions(), "date": time.strftime("%Y-%m-%d"), "rows": rows}
    text = markdown(rows, f"{results['machine']['processor']}, {results['date']}.")
    print(text)
    if arguments.output:
        arguments.output.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
        arguments.output.with_suffix(".md").write_text(f"# Layers alone and in the loop\n\n{text}")


if __name__ == "__main__":
    main()
