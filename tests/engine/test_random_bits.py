"""Random bits: the published numbers of Threefry-2x32, and the very bits that JAX computes."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stepsize.engine.random_bits import threefry2x32

KNOWN = [  # key, counter, bits of twenty rounds: from the authors' test vectors
    ("00000000 00000000", "00000000 00000000", "6b200159 99ba4efe"),
    ("ffffffff ffffffff", "ffffffff ffffffff", "1cb996fc bb002be7"),
    ("13198a2e 03707344", "243f6a88 85a308d3", "c4923a9c 483df7a0"),
]

DRAW = """
import hashlib, sys, jax, numpy as np
jax.config.update("jax_platforms", "cpu")
if sys.argv[1] == "ours":
    from stepsize.engine import random_bits
    random_bits.use()
key = jax.random.fold_in(jax.random.key(7), 3)
drawn = [jax.jit(lambda k: jax.random.bernoulli(k, 0.8, (32, 513)))(key), jax.random.normal(key, (5, 7))]
print(hashlib.sha256(b"".join(np.asarray(array).tobytes() for array in drawn)).hexdigest())
print("while" in jax.jit(lambda k: jax.random.bits(k, (20_000,))).lower(key).compile().as_text())

from stepsize.engine.rewriting import rewritten
def loss(weights, x, key):
    hidden = x @ weights
    kept = jax.numpy.where(jax.random.bernoulli(key, 0.8, hidden.shape), hidden, 0)
    return (kept @ np.ones((120, 3))).sum() ** 2
gradient, arguments = jax.grad(loss), (np.ones((20, 120)), np.arange(2_000.0).reshape(100, 20), key)
programs = [jax.jit(each).lower(*arguments).compile() for each in (gradient, rewritten(gradient))]
np.testing.assert_array_equal(*(program(*arguments) for program in programs))
print(*(program.as_text().count("shift-left(") for program in programs))
"""


def words(text):
    return [jnp.array([int(word, 16)], jnp.uint32) for word in text.split()]


@pytest.mark.parametrize(("key", "counter", "bits"), KNOWN)
def test_published_numbers(key, counter, bits):
    found = jax.jit(threefry2x32)(*words(key), *words(counter))
    assert [int(word[0]) for word in found] == [int(word[0]) for word in words(bits)]


@pytest.mark.slow
def test_jax_draws_the_same_with_ours_in_one_pass():
    def drawn(whose):
        command = [sys.executable, "-c", DRAW, whose]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    ours, theirs = drawn("ours"), drawn("JAX's")
    assert ours[0] == theirs[0]
    assert (ours[1], theirs[1]) == ("False", "True")
    twice, once = map(int, ours[2:])  # the bits of a dropout mask, which is used forward and backward
    assert once == twice / 2


def test_words_differ():
    counters = jnp.arange(1000, dtype=jnp.uint32)
    found = threefry2x32(jnp.uint32(1), jnp.uint32(2), counters, counters)
    assert len(np.unique(np.concatenate(found))) == 2000
