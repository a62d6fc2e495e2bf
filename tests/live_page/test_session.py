"""A session: its runs and its word are those of a study, and what is superseded is dropped."""

import numpy as np
import pytest

from stepsize.comparison import compare
from stepsize.errors import StudyError
from stepsize.live_page.opening import open_desk
from stepsize.live_page.pair import judge_pair
from stepsize.live_page.replies import scored_reply
from stepsize.live_page.session import FIRST_SEED, Session, Superseded
from stepsize.number_format import share
from stepsize.problems.problem import problem
from stepsize.study.candidates import Candidate
from stepsize.study.stores.store import Store
from stepsize.study.study import make_study
from stepsize.study.user_functions.training import Training

SEEDS = 30
WARM = "warmup(5*epochs) >> cosine(0.3)"


@pytest.fixture(scope="module")
def session(engine):
    return Session(problem("ionosphere", epochs=10), engine, range(SEEDS))


def test_the_scores_and_the_word_are_those_of_compare(session, engine, tmp_path):
    scored = session.score(Candidate(WARM), Candidate("constant(0.02)"))
    result = compare(
        session.problem, [WARM, "constant(0.02)"], SEEDS, baseline="constant(0.02)", engine=engine,
        store=tmp_path / "runs.sqlite", quiet=True,
    )  # fmt: skip
    chosen, baseline = result.answer["candidates"]
    pair = scored.pair
    # Compiled for other numbers of candidates, a run may differ by a rounding, which seldom moves one row.
    for side, candidate in ((pair.chosen, chosen), (pair.baseline, baseline)):
        assert np.abs(side.scores - candidate["scores"]).max() <= result.answer["data"]["sample_value"] + 1e-6
        assert np.mean(side.scores == candidate["scores"]) > 0.9
        for quantity in ("train_loss", "val_loss"):
            ours, theirs = (
                side.curves[quantity]["mean"],
                result.details["curves"][candidate["name"]][quantity],
            )
            assert np.allclose(ours, theirs["mean"], rtol=1e-4)
    assert pair.versus["verdict"] == chosen["vs_baseline"]["verdict"] == "better"
    assert pair.versus["mean"] == pytest.approx(chosen["vs_baseline"]["mean"], abs=0.001)
    assert pair.margin == result.answer["study"]["protocol"]["margin"]


def test_the_same_runs_make_the_numbers_of_compare(session, engine, tmp_path):
    """The runs of a session in a study of two are judged as `compare` judges them, number for number."""
    store = tmp_path / "runs.sqlite"
    pair = [WARM, "constant(0.02)"]
    result = compare(session.problem, pair, SEEDS, baseline=pair[1], engine=engine, store=store, quiet=True)
    with Store(store) as opened:
        runs = opened.runs(result.answer["study"]["fingerprint"])
    judged = judge_pair(make_study(session.problem, pair, SEEDS, pair[1]), runs, WARM)
    chosen = result.answer["candidates"][0]
    assert judged.versus == chosen["vs_baseline"]
    assert (judged.chosen.mean, list(judged.chosen.ci95)) == (chosen["mean"], chosen["ci95"])
    assert judged.chosen.curves == result.details["curves"][WARM]


def test_runs_are_kept_and_looks_are_counted(session):
    baseline = Candidate("constant(0.05)")
    before = session.score(baseline, baseline).looked
    first = session.score(Candidate("linear(0.2)"), baseline)
    again = session.score(Candidate("linear(0.2)"), baseline)
    assert (first.trained, again.trained) == (SEEDS, 0)
    assert (first.looked, again.looked) == (before + 1, before + 1)
    assert again.pair.versus == first.pair.versus


def test_a_schedule_against_itself_has_no_difference(session):
    same = session.score(Candidate("constant(0.05)"), Candidate("constant(0.05)")).pair
    assert same.versus is None
    assert same.chosen.mean == same.baseline.mean


def test_momenta_share_a_program(session):
    first = session.score(Candidate("cosine(0.1)", momentum=0.5), Candidate("cosine(0.1)"))
    second = session.score(Candidate("cosine(0.1)", momentum=0.9), Candidate("cosine(0.1)"))
    none = session.score(Candidate("cosine(0.1)", momentum=0.0), Candidate("cosine(0.1)"))
    usual = session.score(Candidate("cosine(0.1)", momentum=0.8), Candidate("cosine(0.1)"))
    assert second.compile_seconds == none.compile_seconds == 0
    losses = [each.pair.chosen.curves["train_loss"]["mean"][-1] for each in (none, first, usual, second)]
    assert losses == sorted(losses, reverse=True)
    base = usual.pair.baseline.curves["train_loss"]["mean"]
    assert np.allclose(usual.pair.chosen.curves["train_loss"]["mean"], base, rtol=1e-3)


def test_an_answer_that_nobody_waits_for_is_dropped(session):
    with pytest.raises(Superseded):
        session.score(Candidate("cosine(0.987)"), Candidate("constant(0.05)"), is_superseded=lambda: True)


def test_a_call_in_flight_is_dropped(engine):
    session = Session(problem("ionosphere", epochs=20_011), engine, 2)  # a prime: progress after every epoch
    shares, pair = [], (Candidate("cosine(0.1)"), Candidate("constant(0.05)"))
    with pytest.raises(Superseded):
        session.score(*pair, is_superseded=lambda: len(shares) > 0, on_progress=shares.append)
    assert len(shares) == 1
    assert shares[0] < 0.001  # of some seconds


def test_the_seeds_are_fresh_for_compare(engine):
    study = Session(problem("ionosphere", folds=5), engine).study
    assert study.seeds[0] == FIRST_SEED
    assert len(study.seeds) == 50


def test_with_folds_wins_are_those_of_repeats(engine):
    session = Session(problem("ionosphere", epochs=2, folds=4), engine, range(0, 12))
    scored = session.score(Candidate("cosine(0.3)"), Candidate("constant(0.01)"))
    differences = (scored.pair.chosen.scores - scored.pair.baseline.scores).reshape(3, 4).mean(axis=1)
    wins = np.mean(np.where(np.abs(differences) < 1e-9, 0.5, differences > 0))
    assert scored_reply(scored)["wins"] == f"It wins {share(wins)} of 3 repeats"


def test_with_folds_it_is_said_how_many_repeats_finished_whole(engine):
    session = Session(problem("diabetes", epochs=2, folds=4), engine, range(0, 8))
    scored = session.score(Candidate("constant(1e30)"), Candidate("constant(0.01)"))
    sides = scored_reply(scored)["scores"]
    assert sides["chosen"]["lost"] == "8 of 8 runs diverged; 0 of 2 repeats finished whole"
    assert sides["baseline"]["lost"] == ""


def test_what_cannot_be_explored_is_refused(session, engine):
    training = Training(lambda schedule, seed, report: None, epochs=3, updates_per_epoch=4)
    with pytest.raises(StudyError, match="training function, whose runs are made one by one; use compare"):
        open_desk(training, engine)
    with pytest.raises(StudyError, match="until='decided' is not an argument of explore; use compare"):
        open_desk("ionosphere", engine, until="decided")
    with pytest.raises(StudyError, match="has a free rate"):
        session.check(Candidate("cosine(lr)"))
    with pytest.raises(StudyError, match="momentum"):
        session.check(Candidate("cosine(0.1)", momentum=2.0))


def test_a_candidate_whose_knobs_a_study_searches_is_left_out(engine, tmp_path):
    study = tmp_path / "study.toml"
    study.write_text(
        'problem = "iris"\nepochs = 2\nbaseline = "searched"\nknobs = { w = [0, 0.3] }\ncandidates = [\n'
        '  { schedule = "warmup(w*run) >> cosine(lr)", name = "searched" }, "linear(lr)"]\n'
    )
    opened = open_desk(study, engine).opening
    assert "w*run" not in str(opened)
    assert "linear(" in str(opened["presets"])
