"""The progress of a study that an executor makes call by call."""

import stepsize as ss
from stepsize.study.runner import Progress, run_study
from stepsize.study.stores.store import Store
from stepsize.study.study import make_study
from tests.support.untrained_runs import made_up

CALL, SECONDS = 10, 5.0


class Calls:
    """Makes ten runs in a call of five seconds, whose time is known at its end."""

    training_seconds = compile_seconds = 0.0
    layout = "made up"

    def execute(self, stage, runs, advance, claim=None):
        for start in range(0, len(stage.jobs), CALL):
            advance(start + 0.9 * CALL)
            self.training_seconds += SECONDS
            advance(start + CALL)
            yield made_up(list(stage.jobs[start : start + CALL]), epochs=2)


def test_a_call_under_way_does_not_change_the_pace() -> None:
    study = make_study(ss.problem("iris", epochs=2), ["constant(0.1)", "linear(0.1)"], seeds=20)
    seen: list[tuple[float, float]] = []

    def listen(progress: Progress) -> None:
        seen.append((progress.done, progress.rate))

    with Store(":memory:") as store:
        cost = run_study(study, store, Calls(), listen)
    assert {rate for done, rate in seen if done < CALL} == {0}
    assert {rate for done, rate in seen if done >= CALL} == {CALL / SECONDS}
    assert cost.runs_per_second == CALL / SECONDS
