"""Training functions for the tests: quick, deterministic, right or wrong on purpose."""

import json
import os
import signal
from pathlib import Path

import numpy as np

EPOCHS = 4


def quick(schedule, seed, report, slope=1.0):
    """Score highest at a rate of 0.1."""
    for epoch in range(EPOCHS):
        rate = schedule(2 * epoch + 1)
        report(0.9 - slope * abs(rate - 0.1) + 0.001 * (seed % 7), loss=1 / (1 + epoch), val_loss=rate)


def far_from_zero(schedule, seed, report):
    """Report numbers that float32 would round to the same one."""
    for epoch in range(EPOCHS):
        report(1e9 + abs(schedule(2 * epoch) - 0.1) + 0.001 * (seed % 5))


def tiny(schedule, seed, report):
    """Report numbers near 0."""
    for epoch in range(EPOCHS):
        report(1e-12 * (1 + abs(schedule(2 * epoch) - 0.1) + 0.01 * (seed % 5)))


def below_zero(schedule, seed, report):
    """Report an R2 that is worse than that of the mean."""
    for epoch in range(EPOCHS):
        report(-3 - abs(schedule(2 * epoch) - 0.1) + 0.01 * (seed % 5))


def loses(schedule, seed, report):
    """Report a loss, which is better when lower."""
    for epoch in range(EPOCHS):
        report(1 + abs(schedule(2 * epoch) - 0.1) + 0.01 * (seed % 5))


def diverges(schedule, seed, report):
    """Report a number that is not finite at a high rate."""
    for epoch in range(EPOCHS):
        report(float("nan") if schedule(0) > 1 and epoch == 2 else 0.5 + 0.01 * (seed % 3))


def lost_later(schedule, seed, report):
    """Report no loss, and lose the run in the second epoch at rates above 0.5, in the last above 0.05."""
    for epoch in range(EPOCHS):
        rate = schedule(2 * epoch + 1)
        is_lost = (rate > 0.5 and epoch == 1) or (0.05 < rate <= 0.5 and epoch == EPOCHS - 1)
        report(float("nan") if is_lost else 0.5 + 5 * min(rate, 0.05) + 0.001 * (seed % 7) + 0.01 * epoch)


def raises(schedule, seed, report):
    """Fail as user code does."""
    if schedule(0) > 0:
        raise KeyError("no such column")


def dies_once(schedule, seed, report):
    """End its process the first time that it meets seed 1."""
    quick_marker = Path("died")
    if seed == 1 and not quick_marker.exists():
        quick_marker.touch()
        os._exit(7)
    quick(schedule, seed, report)


def dies_three_times(schedule, seed, report):
    """End its process the first three times that it meets seed 1, as if other runs took the memory."""
    deaths = Path("deaths")
    count = len(deaths.read_text()) if deaths.exists() else 0
    if seed == 1 and count < 3:
        deaths.write_text("." * (count + 1))
        os._exit(7)
    quick(schedule, seed, report)


def dies_when_steep(schedule, seed, report, slope=1.0):
    """End its process every time for one setting."""
    if slope > 1:
        os._exit(7)
    quick(schedule, seed, report)


def stops_once(schedule, seed, report):
    """Stop its process the first time that it meets seed 1, as a signal does."""
    marker = Path("stopped")
    if seed == 1 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    quick(schedule, seed, report)


def dies(schedule, seed, report):
    """End its process every time."""
    os._exit(7)


def forgets_the_schedule(schedule, seed, report):
    """Never ask for a rate."""
    for _ in range(EPOCHS):
        report(0.5)


def stops_early(schedule, seed, report):
    """Report too few epochs."""
    report(0.5 + 0 * schedule(0))


def goes_on(schedule, seed, report):
    """Report too many epochs."""
    for _ in range(EPOCHS + 1):
        report(0.5 + 0 * schedule(0))


def in_percent(schedule, seed, report):
    """Report an accuracy in percent."""
    report(93.5 + 0 * schedule(0))


def says_nothing(schedule, seed, report):
    """Report something that is not a number."""
    report(str(schedule(0)))


def follows_values(schedule, seed, report):
    """Read all rates beforehand, as some adapters do."""
    for epoch in range(EPOCHS):
        report(0.5 + 0.1 * schedule.values[epoch])


def names_its_process(schedule, seed, report):
    """Report the number of threads that the environment allows, and the process number."""
    threads = {os.environ[f"{name}_NUM_THREADS"] for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
    for _ in range(EPOCHS):
        report(0.5 + 0 * schedule(0), loss=int(threads.pop()) if threads else 1, val_loss=os.getpid())


def resumes(schedule, seed, report, checkpoint):
    """Descend with noise, and save weights and random state; for seed 1, be killed once in the middle."""
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=3)

    def write(folder):
        np.save(folder / "weights.npy", weights)
        (folder / "random.json").write_text(json.dumps(generator.bit_generator.state))

    def read(folder):
        generator.bit_generator.state = json.loads((folder / "random.json").read_text())
        return np.load(folder / "weights.npy")

    saved = checkpoint.load(read)
    weights = weights if saved is None else saved
    for epoch in range(checkpoint.epoch, EPOCHS):
        for update in (2 * epoch, 2 * epoch + 1):
            weights = weights - schedule(update) * (weights + generator.normal(size=3))
        report(1 / (1 + (weights**2).sum()), val_loss=(weights**2).sum())
        checkpoint.save(write)
        with open("epochs.txt", "a") as file:
            file.write(f"{schedule.schedule} {seed} {epoch}\n")
        if seed == 1 and epoch == 2 and not Path("killed").exists():
            Path("killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
