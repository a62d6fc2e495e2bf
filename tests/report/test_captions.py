"""What the texts of the page say that a mean is over, without and with a cross-validation."""

from stepsize.problems.problem import problem
from stepsize.report.captions import Words
from stepsize.report.explanations import explanations
from stepsize.report.view_model import view
from stepsize.study.study import make_study
from stepsize.verdict.picture_data import picture_data
from stepsize.verdict.summary import summarise_study
from tests.support.finished_studies import COST, finish, noise

CANDIDATES = ["constant(0.1)", "cosine(0.1)"]


def shown(folds, lost=()):
    study = make_study(problem("iris", **({"folds": folds} if folds else {})), CANDIDATES, 30)
    runs = finish(study, lambda name, seed: None if seed in lost else 0.8 + noise(seed))
    return view(summarise_study(study, runs, COST), picture_data(study, runs, CANDIDATES))


def test_captions_name_what_is_counted():
    seeds, repeats, lost = (Words(shown(folds, runs)) for folds, runs in ((None, (3,)), (5, ()), (5, (3,))))
    assert seeds.table().startswith("Scores are means ± half")
    assert "are paired by seed." in seeds.table()
    assert repeats.table().startswith("Scores are means of the repeats ± half")
    assert "are paired by repeat." in repeats.table()
    assert lost.table().startswith("Scores are means of the repeats that finished whole ± half")
    assert "The diamond is the mean of the repeats that finished whole, the bar" in lost.results(
        has_bars=False
    )


def test_terms_are_explained_in_repeats():
    seeds, repeats = dict(explanations(shown(None))), dict(explanations(shown(5)))
    assert "repeat" not in seeds
    assert "seed by seed" in seeds["difference"]
    assert repeats["repeat"].startswith("5 seeds, which judge every row once")
    assert "repeat by repeat" in repeats["difference"]
    assert repeats["P(better)"].startswith("the share of repeats")
    assert repeats["sd"].startswith("how far the scores of single repeats spread")
