"""What user code that trains did: whether its seeds pair runs, whether it learned, and its updates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from stepsize.number_format import Scale, counted, digits
from stepsize.stats import Decision
from stepsize.study.protocol import checked_jobs, is_constant
from stepsize.study.stores.store import Run, Runs
from stepsize.study.study import Study
from stepsize.verdict.answer import Answer
from stepsize.verdict.data_notes import constant_baseline
from stepsize.verdict.formatting import scale_of

LOSSLESS = 0.5  # of the margin: two runs of one seed that differ by less pair as well as equal ones


def warnings(study: Study, runs: Runs, answer: Answer, decision: Decision) -> Iterator[str]:
    """Yield what the two runs of one seed show against the function; nothing for other studies."""
    if jobs := checked_jobs(study):
        first, again = (runs[job.key] for job in jobs)
        yield from _different_runs(first, again, answer, decision.margin)
        if not is_constant(jobs[0].candidate):
            yield from _other_updates(again, study.updates_per_epoch(jobs[0].candidate))


def notes(study: Study, runs: Runs) -> Iterator[str]:
    """Yield how many of the planned rates the function asked for, if it did not ask for all."""
    if jobs := checked_jobs(study):
        candidate, asked = jobs[0].candidate, runs[jobs[1].key].curves[1]
        epochs, per_epoch = study.epochs_of(candidate), study.updates_per_epoch(candidate)
        count = asked[-1] if np.isfinite(asked).all() else 0
        if 0 < count <= epochs + 1 and per_epoch > 2 and not is_constant(candidate):
            yield (
                f"The function asks for one rate an epoch, so it uses {int(count)} of the "
                f"{epochs * per_epoch:,} planned rates; to follow a schedule within an epoch, ask for "
                "schedule(t) before each update t."
            )


def _different_runs(first: Run, again: Run, answer: Answer, margin: float) -> Iterator[str]:
    """Yield a warning if two runs of one seed have different scores, so that seeds do not pair runs."""
    scale, seed, is_model = scale_of(answer), first.seed, bool(answer["data"]["parts"])
    advice = (
        "so the candidates of a seed share nothing, and differences between them take many more seeds to "
        "show; "
    )
    advice += (
        "draw everything random with PyTorch's own generator, as torch.rand does, or with that of Python or "
        "NumPy"
        if is_model
        else "derive everything random from seed: split, initial weights and batches, as in "
        "torch.manual_seed(seed) or keras.utils.set_random_seed(seed)"
    )
    if (first.diverged_at is None) != (again.diverged_at is None):
        yield f"Of two runs with seed {seed}, one diverged and the other did not, {advice}."
        return
    differences = np.abs(first.curves[2] - again.curves[2])
    if np.isfinite(differences).any() and np.nanmax(differences) > LOSSLESS * margin:
        epoch = int(np.nanargmax(differences))
        decimals = digits(scale.shown(float(differences[epoch])) or 1.0)
        scores = " and ".join(
            scale.number(float(run.curves[2, epoch]), decimals=decimals) for run in (first, again)
        )
        after = f"after {counted(epoch + 1, 'epoch')}"
        what = f"The {'model' if is_model else 'function'}, run twice with seed {seed},"
        yield f"{what} gave {scale.name} {scores} {scale.unit}".rstrip() + f" {after}, {advice}."


def _other_updates(again: Run, planned: int) -> Iterator[str]:
    """Yield a warning if the function makes a few more or fewer updates in an epoch than are planned."""
    updates = again.curves[0]
    if again.diverged_at is not None:
        return
    epochs = len(updates)
    if np.isnan(updates[-1]):
        yield (
            "The function reads all rates in advance, as optax_schedule does, so its updates cannot be "
            f"counted: if there are not {planned} an epoch, the schedules differ from those named here."
        )
        return
    count = float(updates[-1] - updates[0]) / (epochs - 1) if epochs > 1 else planned
    if count != planned:
        yield (
            f"The function makes {count:g} updates an epoch, and updates_per_epoch={planned}, so its "
            f"schedules end {'before' if count > planned else 'after'} its last update; give "
            f"updates_per_epoch={round(count)}."
        )


def learned_nothing(runs: Sequence[Run], answer: Answer, decision: Decision) -> Iterator[str]:
    """Yield a warning if the recommended candidate is hardly better than after its first epoch.

    It is for scores that are not compared with those of a constant answer.
    """
    protocol, data = answer["study"]["protocol"], answer["data"]
    known = constant_baseline(data, protocol) is not None
    curves = np.array([run.curves[2] for run in runs if run.score is not None], float)
    if known or not len(curves) or curves.shape[1] < 2:
        return
    first, last = curves[:, 0].mean(), curves[:, -1].mean()
    sign = 1 if protocol["higher_is_better"] else -1
    if sign * (last - first) < decision.margin:
        scale = scale_of(answer)
        yield (
            f"{decision.recommended} has hardly learned: its {scale.name} is {_with_unit(scale, first)} "
            f"after the first epoch and {_with_unit(scale, last)} after the last, which is not "
            f"better by the margin of {scale.step(decision.margin)}; make sure that the training works, and "
            "train longer, before you choose a schedule."
        )


def _with_unit(scale: Scale, value: float) -> str:
    return f"{scale.number(value)} {scale.unit}".rstrip()
