"""The tables whose runs are recorded: six schedules at many rates over many seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import stepsize as ss
from stepsize.problems.problem import Problem

SCHEDULES = (
    "constant(lr)",
    "linear(lr)",
    "cosine(lr)",
    "one_cycle(lr)",
    "exponential(lr, floor=0.01*lr)",
    "warmup(0.1*run) >> linear(lr)",
)
STEPS_PER_DECADE = 8


@dataclass(frozen=True)
class Table:
    """A problem to record: the rates run from 10^`low` to 10^`high`; `scale` turns scores into points."""

    problem: Callable[[], Problem]
    seeds: int
    low: float = -3.0
    high: float = 1.0
    scale: float = 100.0
    held_out: bool = False  # looked at only once, after the rule was chosen


def _diabetes() -> Problem:
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return ss.problem((x, y), name="diabetes")


def _friedman() -> Problem:
    from sklearn.datasets import make_friedman1

    x, y = make_friedman1(300, noise=1.0, random_state=0)
    settings = {"optimizer": "adam"}
    return ss.problem((x, y), name="friedman1", model="mlp(16)", epochs=30, settings=settings)


def _circles() -> Problem:
    from sklearn.datasets import make_circles

    x, y = make_circles(400, noise=0.2, factor=0.5, random_state=0)
    return ss.problem((x, y), name="circles", model="mlp(16)", epochs=30)


def _blobs() -> Problem:
    from sklearn.datasets import make_blobs

    x, y = make_blobs(400, centers=3, cluster_std=2.0, random_state=2)[:2]  # the stubs allow a third part
    return ss.problem((x, y), name="blobs", model="mlp(50)", epochs=20)


def _hastie() -> Problem:
    from sklearn.datasets import make_hastie_10_2

    x, y = make_hastie_10_2(500, random_state=0)
    settings = {"optimizer": "adam"}
    return ss.problem((x, y), name="hastie", model="mlp(16)", epochs=20, settings=settings)


def _quantiles() -> Problem:
    from sklearn.datasets import make_gaussian_quantiles

    x, y = make_gaussian_quantiles(n_samples=400, n_features=6, n_classes=3, random_state=0)
    return ss.problem((x, y), name="quantiles", model="mlp(32)", epochs=20)


def _hidden_factors() -> Problem:
    from sklearn.datasets import make_low_rank_matrix

    x = make_low_rank_matrix(300, 20, effective_rank=5, random_state=0) * 10
    noise = np.random.default_rng(0).standard_normal(300)
    y = np.sin(x[:, :5].sum(axis=1)) + 0.3 * noise
    return ss.problem((x, y), name="hidden factors", model="mlp(16)", epochs=30)


def _moons() -> Problem:
    from sklearn.datasets import make_moons

    x, y = make_moons(400, noise=0.3, random_state=0)
    return ss.problem((x, y), name="moons", model="mlp(16)", epochs=30)


def _hypercube() -> Problem:
    from sklearn.datasets import make_classification

    x, y = make_classification(500, 20, n_informative=6, n_classes=4, random_state=0)
    return ss.problem((x, y), name="hypercube", model="mlp(32)", epochs=15)


def _swiss_roll() -> Problem:
    from sklearn.datasets import make_swiss_roll

    x, y = make_swiss_roll(400, noise=0.5, random_state=0)
    settings = {"optimizer": "adam"}
    return ss.problem((x, y), name="swiss roll", model="mlp(32)", epochs=30, settings=settings)


def _friedman3() -> Problem:
    from sklearn.datasets import make_friedman3

    x, y = make_friedman3(300, noise=0.1, random_state=0)
    return ss.problem((x, y), name="friedman3", model="mlp(16)", epochs=30)


def _flipped() -> Problem:
    from sklearn.datasets import make_classification

    x, y = make_classification(500, 12, n_informative=4, flip_y=0.2, random_state=1)
    settings = {"optimizer": "adam"}
    return ss.problem((x, y), name="flipped", model="mlp(16)", epochs=20, settings=settings)


def _s_curve() -> Problem:
    from sklearn.datasets import make_s_curve

    x, y = make_s_curve(400, noise=0.1, random_state=0)
    return ss.problem((x, y), name="s-curve", model="mlp(32)", epochs=30)


def _sparse() -> Problem:
    from sklearn.datasets import make_sparse_uncorrelated

    x, y = make_sparse_uncorrelated(400, 10, random_state=0)
    settings = {"optimizer": "adam"}
    return ss.problem((x, y), name="sparse", model="mlp(16)", epochs=20, settings=settings)


def _friedman2() -> Problem:
    from sklearn.datasets import make_friedman2

    x, y = make_friedman2(300, noise=100.0, random_state=0)
    settings = {"optimizer": "adam"}
    return ss.problem((x, y), name="friedman2", model="mlp(16)", epochs=30, settings=settings)


def _checkerboard() -> Problem:
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, (600, 2))
    y = (np.floor(2 * x).sum(axis=1) + (generator.random(600) < 0.05)) % 2
    return ss.problem((x, y.astype(int)), name="checkerboard", model="mlp(32)", epochs=40)


def _spirals() -> Problem:
    generator = np.random.default_rng(0)
    y = np.arange(450) % 3
    angle = 4 * np.sqrt(generator.random(450))
    turned = angle + 2 * np.pi / 3 * y
    x = np.stack([angle * np.cos(turned), angle * np.sin(turned)], axis=1)
    x += 0.3 * generator.standard_normal(x.shape)
    settings = {"optimizer": "adam"}
    return ss.problem((x, y), name="spirals", model="mlp(32)", epochs=20, settings=settings)


def _twonorm() -> Problem:
    """Return two normal classes side by side (Breiman, Annals of Statistics 26, 1998)."""
    generator = np.random.default_rng(0)
    y = np.arange(400) % 2
    x = generator.standard_normal((400, 20)) + (2 * y[:, None] - 1) * 2 / np.sqrt(20)
    return ss.problem((x, y), name="twonorm", model="mlp(16)", epochs=15)


def _ringnorm() -> Problem:
    """Return two normal classes, one around the other (Breiman, Annals of Statistics 26, 1998)."""
    generator = np.random.default_rng(0)
    y = np.arange(500) % 2
    wide, narrow = 2 * generator.standard_normal((2, 500, 20)) / np.array([1, 2])[:, None, None]
    x = np.where(y[:, None] == 0, wide, narrow + 1 / np.sqrt(20))
    settings = {"optimizer": "adam"}
    return ss.problem((x, y), name="ringnorm", model="mlp(32)", epochs=20, settings=settings)


def _waveform() -> Problem:
    """Return mixtures of two out of three waves (Breiman et al., Classification Trees, 1984)."""
    generator = np.random.default_rng(0)
    y = np.arange(450) % 3
    at = np.arange(21)
    waves = np.maximum(6 - np.abs(at - np.array([[6], [14], [10]])), 0)
    share = generator.random((450, 1))
    x = share * waves[y] + (1 - share) * waves[(y + 1) % 3] + generator.standard_normal((450, 21))
    return ss.problem((x, y), name="waveform", model="mlp(32)", epochs=20)


TABLES: dict[str, Table] = {
    "ionosphere": Table(lambda: ss.problem("ionosphere"), seeds=400),
    "wine": Table(lambda: ss.problem("wine"), seeds=1000),
    "breast-cancer": Table(lambda: ss.problem("breast-cancer"), seeds=600),
    "diabetes": Table(_diabetes, seeds=1000, low=-4.5, high=-0.5),
    "digits": Table(lambda: ss.problem("digits", epochs=10), seeds=200),
    "iris": Table(lambda: ss.problem("iris"), seeds=1000),
    "friedman1": Table(_friedman, seeds=1200, low=-4.5, high=-0.5),
    "moons": Table(_moons, seeds=1500),
    "circles": Table(_circles, seeds=1000),
    "blobs": Table(_blobs, seeds=1500),
    "hastie": Table(_hastie, seeds=2400, low=-4.5),
    "quantiles": Table(_quantiles, seeds=1500),
    "hidden factors": Table(_hidden_factors, seeds=1500),
    "hypercube": Table(_hypercube, seeds=1200),
    "swiss roll": Table(_swiss_roll, seeds=1200, low=-4.5, high=-0.5),
    "friedman3": Table(_friedman3, seeds=1200),
    "flipped": Table(_flipped, seeds=1200, low=-4.5),
    "s-curve": Table(_s_curve, seeds=1200),
    "sparse": Table(_sparse, seeds=1200, low=-4.5),
    "friedman2": Table(_friedman2, seeds=1200, low=-4.5),
    "checkerboard": Table(_checkerboard, seeds=1200),
    "spirals": Table(_spirals, seeds=1200, low=-4.5),
    "twonorm": Table(_twonorm, seeds=1200, held_out=True),
    "ringnorm": Table(_ringnorm, seeds=1200, low=-4.5, held_out=True),
    "waveform": Table(_waveform, seeds=1200, held_out=True),
}


def lattice(table: Table) -> np.ndarray:
    """Return the rates that are recorded, eight a decade, to three digits."""
    count = round((table.high - table.low) * STEPS_PER_DECADE) + 1
    return np.array([float(f"{rate:.3g}") for rate in np.logspace(table.low, table.high, count)])
