"""What is timed: a schedule of every family, with the calls of other libraries that give the same rates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One schedule as a spec and as calls of other libraries, where N is the updates of the run.

    An epoch has N//100 updates. `same=False` says that PyTorch's call is cheaper and gives other rates.
    """

    spec: str
    torch: str
    keras: str | None = None
    optax: str | None = None
    same: bool = True


CASES = [
    Case("constant(0.1)", "ConstantLR(optimizer, 1)", None, "constant_schedule(0.1)"),
    Case(
        "inverse_time(0.1, rate=0.002)",
        "LambdaLR(optimizer, lambda t: 1 / (1 + 0.002 * t))",
        "InverseTimeDecay(0.1, 1, 0.002)",
    ),
    Case(
        "step_decay(0.1, factor=0.5, every=0.1*run)",
        "StepLR(optimizer, N//10, 0.5)",
        "ExponentialDecay(0.1, N//10, 0.5, staircase=True)",
        "exponential_decay(0.1, N//10, 0.5, staircase=True)",
    ),
    Case(
        "multistep(0.1, at=[0.5*run, 0.75*run])",
        "MultiStepLR(optimizer, [N//2, N//4*3], 0.1)",
        "PiecewiseConstantDecay([N//2-1, N//4*3-1], [0.1, 0.01, 0.001])",
        "piecewise_constant_schedule(0.1, {N//2: 0.1, N//4*3: 0.1})",
    ),
    Case(
        "exponential(0.1, factor=0.999999, every=1*updates)",
        "MultiplicativeLR(optimizer, lambda t: 0.999999)",
    ),
    Case(
        "exponential(0.1, factor=0.5, every=0.1*run)",
        "ExponentialLR(optimizer, 0.5 ** (1 / (N//10)))",
        "ExponentialDecay(0.1, N//10, 0.5)",
        "exponential_decay(0.1, N//10, 0.5)",
    ),
    Case(
        "linear(0.1, floor=0.001)",
        "LinearLR(optimizer, 1, 0.01, N)",
        "PolynomialDecay(0.1, N, 0.001)",
        "linear_schedule(0.1, 0.001, N)",
    ),
    Case(
        "polynomial(0.1, power=2)",
        "PolynomialLR(optimizer, N, 2)",
        "PolynomialDecay(0.1, N, 0.0, 2)",
        "polynomial_schedule(0.1, 0.0, 2, N)",
    ),
    Case(
        "cosine(0.1, floor=0.001)",
        "CosineAnnealingLR(optimizer, N, 0.001)",
        "CosineDecay(0.1, N, 0.01)",
        "cosine_decay_schedule(0.1, N, 0.01)",
    ),
    Case(
        "warmup(0.1*run, start=0.001) >> cosine(0.1)",
        "SequentialLR(optimizer, [LinearLR(optimizer, 0.01, 1, N//10),"
        " CosineAnnealingLR(optimizer, N-N//10)], [N//10])",
        None,
        "warmup_cosine_decay_schedule(0.001, 0.1, N//10, N)",
    ),
    Case(
        "one_cycle(0.1, closed=True)",
        "OneCycleLR(optimizer, 0.1, N, pct_start=0.3 + 1 / N)",
    ),
    Case(
        "cosine_restarts(0.1, first=0.1*run, growth=2)",
        "CosineAnnealingWarmRestarts(optimizer, N//10, 2)",
        "CosineDecayRestarts(0.1, N//10, 2.0)",
    ),
    Case(
        "triangular(0.1, floor=0.001, up=0.05*run)",
        "CyclicLR(optimizer, 0.001, 0.1, N//20)",
    ),
    Case(
        "triangular2(0.1, floor=0.001, up=0.05*run)",
        "CyclicLR(optimizer, 0.001, 0.1, N//20, mode='triangular2')",
    ),
    Case(
        "exp_range(0.1, factor=0.999999, floor=0.001, up=0.05*run)",
        "CyclicLR(optimizer, 0.001, 0.1, N//20, mode='exp_range', gamma=0.999999)",
    ),
    Case(
        "cosine(0.1) * exponential(1, factor=0.5, every=0.1*run)",
        "ChainedScheduler([CosineAnnealingLR(optimizer, N), ExponentialLR(optimizer, 0.5 ** (1 / (N//10)))])",
    ),
    Case("natural_exponential(0.1, rate=5, every=1*run)", "LambdaLR(optimizer, lambda t: exp(-5 * t / N))"),
    Case("inverse_sqrt(0.1, timescale=0.1*run)", "LambdaLR(optimizer, lambda t: 1 / sqrt(1 + t / (N//10)))"),
    Case(
        "power_law(0.1, power=0.7, timescale=0.1*run)",
        "LambdaLR(optimizer, lambda t: (1 + t / (N//10)) ** -0.7)",
    ),
    Case(
        "inverse_time(0.1, rate=1e-9, compounding=True)",
        "MultiplicativeLR(optimizer, lambda t: 1 / (1 + 1e-9 * t))",
    ),
    Case(
        "piecewise_constant([0.05, 0.1, 0.02], at=[0.2*run, 0.7*run])",
        "LambdaLR(optimizer, lambda t: 0.5 if t < N//10*2 else 1 if t < N//10*7 else 0.2)",
    ),
    Case(
        "piecewise_interpolated([0.01, 0.1, 0.02], at=[0.2*run, 1*run])",
        "LambdaLR(optimizer, lambda t: 0.1 + 0.9 * t / (N//5) if t < N//5"
        " else 1 - 0.8 * (t - N//5) / (N - N//5))",
    ),
    Case(
        'wsd(0.1, decay=0.2*run, shape="1-sqrt")',
        "LambdaLR(optimizer, lambda t: 1 if t < N - N//5 else 1 - sqrt((t - N + N//5) / (N//5)))",
    ),
    Case(
        "flat_cosine(0.1, decay=0.25*run)",
        "LambdaLR(optimizer, lambda t: 1 if t < N - N//4 else (1 + cos(pi * (t - N + N//4) / (N//4))) / 2)",
    ),
    Case(
        "one_cycle_momentum(0.95)",
        "LambdaLR(optimizer, lambda t: 9 + 0.5 * (cos(pi * t / (N//10*3)) if t < N//10*3"
        " else -cos(pi * (t - N//10*3) / (N//10*7))))",
    ),
    Case(
        "slanted_triangular(0.1)",
        "LambdaLR(optimizer, lambda t: 1 / 32 + 31 / 32 * min(t / (N//10), (N - t) / (N//10*9)))",
    ),
    Case(
        "noam(1, d_model=512, warmup=0.1*run)",
        "LambdaLR(optimizer, lambda t: 10 / sqrt(512) * min((t + 1) ** -0.5, (t + 1) * (N//10) ** -1.5))",
    ),
    Case("rex(0.1)", "LambdaLR(optimizer, lambda t: (1 - t / N) / (1 - t / N / 2))"),
    Case("k_decay(0.1, k=2)", "LambdaLR(optimizer, lambda t: (1 + cos(pi * (t / N) ** 2)) / 2)"),
    Case("tanh(0.1)", "LambdaLR(optimizer, lambda t: (1 - tanh(9 * t / N - 6)) / 2)"),
    Case("sigmoid(0.1)", "LambdaLR(optimizer, lambda t: 1 / (1 + exp((t - N//2) / (N//10))))"),
    Case(
        "hyperbolic(0.1, bound=1.5*run)",
        "LambdaLR(optimizer, lambda t:"
        " 1 - sqrt(8) / 3 + sqrt((N - t) / (1.5 * N) * (2 - (N + t) / (1.5 * N))))",
    ),
    Case(
        "linear_cosine(0.1, periods=3)",
        "LambdaLR(optimizer, lambda t: (1 - t / N) * (1 + cos(6 * pi * t / N)) / 2 + 0.001)",
    ),
    Case(
        "chebyshev(0.1, floor=0.01)",
        "LambdaLR(optimizer, lambda t: 1 / (1 + 9 * (1 - cos((fractal(8)[t % 8] + 0.5) * pi / 8)) / 2))",
    ),
    Case(
        "chebyshev(0.1, floor=0.01, steps=1048576)",
        "LambdaLR(optimizer, lambda t: 1 / (1 + 9 * (1 - cos((fractal(2**20)[t] + 0.5) * pi / 2**20)) / 2))",
    ),
    Case("constant(0.1) * noise(0.2)", "LambdaLR(optimizer, lambda t: 1)", same=False),
    Case('0.1 * custom("cubed")', "LambdaLR(optimizer, lambda t: (1 - t / N) ** 3)"),
    Case(
        "sine(0.1, up=0.05*run, cycle_factor=0.8)",
        "LambdaLR(optimizer, lambda t: 0.8 ** (t // (N//10)) * sin(pi * (t % (N//10)) / (N//10)))",
    ),
    Case(
        "sawtooth(0.1, every=0.1*run, cycle_factor=0.8)",
        "LambdaLR(optimizer, lambda t: 0.8 ** (t // (N//10)) * (1 - t % (N//10) / (N//10)))",
    ),
    Case("cosine_restarts(0.1, first=10*updates)", "CosineAnnealingWarmRestarts(optimizer, 10)"),
    Case(
        "repeat(linear(0.1, length=0.1*run), factor=0.7)",
        "LambdaLR(optimizer, lambda t: 0.7 ** (t // (N//10)) * (1 - t % (N//10) / (N//10)))",
    ),
    Case(
        "clip(cosine(0.1), floor=0.01)", "LambdaLR(optimizer, lambda t: max(0.1, (1 + cos(pi * t / N)) / 2))"
    ),
    Case(
        "per_epoch(cosine(0.1))", "LambdaLR(optimizer, lambda t: (1 + cos(pi * (t - t % (N//100)) / N)) / 2)"
    ),
    Case(
        'resumed(cosine(0.1), then=linear(1), at=0.5*run, planned=1*run, policy="branch")',
        "LambdaLR(optimizer, lambda t: (1 + cos(pi * t / N)) / 2 if t < N//2 else (N - t) / N)",
    ),
    Case(
        "rescale(warmup(0.1*run) >> linear(0.1), peak=0.2)",
        "LambdaLR(optimizer, lambda t: 2 * min(t / (N//10), (N - t) / (N//10*9)))",
    ),
    Case("constant(0.05) + linear(0.05)", "LambdaLR(optimizer, lambda t: 1 - t / N / 2)"),
    Case("constant(0.1) * plateau()", "LambdaLR(optimizer, lambda t: 1)"),
    Case("constant(0.1) * on_threshold()", "LambdaLR(optimizer, lambda t: 1)"),
    Case("constant(0.1) * two_way()", "LambdaLR(optimizer, lambda t: 1)"),
    Case(
        "cut(cosine(0.1), length=0.7*run, end=0.001)",
        "LambdaLR(optimizer, lambda t: (1 + cos(pi * t / N)) / 2 if t < N//10*7 else 0.01)",
    ),
    Case(
        "geometric(0.1, factor=1.05, every=0.01*run)", "LambdaLR(optimizer, lambda t: 1.05 ** (t / (N//100)))"
    ),
    Case("power_curve(0.1, end=0.5, power=2)", "LambdaLR(optimizer, lambda t: 5 - 4 * (1 - t / N) ** 2)"),
    Case("torch_cosine(0.1, t_max=0.3*run)", "CosineAnnealingLR(optimizer, N//10*3)"),
    Case(
        "torch_momentum(triangular2(0.1, up=0.05*run), high=0.9)",
        "LambdaLR(optimizer, lambda t: 9 - (1 - abs(t % (N//10) / (N//20) - 1)) * 0.5 ** (t // (N//10)))",
    ),
    Case("torch_one_cycle(0.1)", "OneCycleLR(optimizer, 0.1, N)"),
    Case(
        "torch_chained([torch_cosine(0.1, t_max=1*run, eta_min=0.001), linear(0.1, floor=0.01)], base=0.1)",
        "ChainedScheduler([CosineAnnealingLR(optimizer, N, 0.001), LinearLR(optimizer, 1, 0.1, N)])",
    ),
    Case(
        "torch_chained([triangular(0.1, up=0.05*run), linear(0.1, floor=0.01)], base=0.1)",
        "ChainedScheduler([CyclicLR(optimizer, 0, 0.1, N//20), LinearLR(optimizer, 1, 0.1, N)])",
    ),
    Case(
        "timm_cosine(0.1, t_initial=100*epochs, warmup_t=5*epochs)",
        "LambdaLR(optimizer, lambda t: e / 5 if (e := t // (N//100)) < 5 else (1 + cos(pi * e / 100)) / 2)",
    ),
    Case(
        "timm_cosine(0.1, t_initial=100*updates, cycle_mul=2, cycle_limit=20)",
        "LambdaLR(optimizer, lambda t:"
        " (1 + cos(pi * (t / 100 + 1 - (n := 2.0 ** floor(log(1 + t / 100, 2)))) / n)) / 2)",
    ),
    Case(
        "timm_poly(0.1, t_initial=100*epochs)", "LambdaLR(optimizer, lambda t: sqrt(1 - t // (N//100) / 100))"
    ),
    Case(
        "timm_tanh(0.1, t_initial=100*epochs)",
        "LambdaLR(optimizer, lambda t: (1 - tanh(t // (N//100) / 10 - 7)) / 2)",
    ),
    Case(
        "timm_step(0.1, decay_t=30*epochs, decay_rate=0.1)",
        "LambdaLR(optimizer, lambda t: 0.1 ** (t // (N//100*30)))",
    ),
    Case(
        "timm_multistep(0.1, decay_t=[30*epochs, 60*epochs], decay_rate=0.1)",
        "LambdaLR(optimizer, lambda t: 0.1 ** ((t >= N//100*29) + (t >= N//100*59)))",
    ),
    Case(
        "timm_wsd(0.1, t_initial=100*epochs, decay_t=20*epochs)",
        "LambdaLR(optimizer, lambda t: 1 if (e := t // (N//100)) < 80 else 1 - sqrt((e - 80) / 20))",
    ),
    Case(
        "keras_polynomial(0.1, end=0.01, power=2, decay_steps=0.3*run)",
        "LambdaLR(optimizer, lambda t: 0.1 + 0.9 * (1 - t / (N//10*3) / max(1, ceil(t / (N//10*3)))) ** 2)",
    ),
    Case(
        "keras_restarts(0.1, first_decay_steps=0.1*run)",
        "LambdaLR(optimizer, lambda t:"
        " (1 + cos(pi * (t / (N//10) + 1 - (n := 2.0 ** floor(log2(1 + t / (N//10))))) / n)) / 2)",
    ),
    Case(
        "transformers_restarts(0.1, cycles=3)",
        "LambdaLR(optimizer, lambda t: (1 + cos(pi * (3 * (t / N) % 1))) / 2)",
    ),
]
