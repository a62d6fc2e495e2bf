"""The type of a study's answer, which `compare --json` prints.

Every field of the answer carries its description, from which `docs/make_answer.py` writes the table of the
docs. A field that does not apply is `None` (null in the JSON); only a part's `counts` and `shares`, or `mean`
and `sd`, depend on the target.
"""

# No `from __future__ import annotations`: as text, a NotRequired field would count as required at run time.

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from stepsize.stats.decision import Word


class Tuning(TypedDict):
    """How the free learning rates were chosen."""

    seeds: Annotated[list[int], "seeds used for tuning only"]
    first_rates: Annotated[list[float], "the grid of the coarse search"]
    first_seeds: Annotated[int, "seeds of the coarse search, the first of `seeds`"]
    fine_rates: Annotated[int, "rates of each candidate in the fine and in the finer search; 0 without"]
    fine_seeds: Annotated[
        int, "seeds of the fine and of the finer search, a third and two thirds of them, after the first ones"
    ]
    extra_seeds: Annotated[int, "seeds added because much was left open, the last of `seeds`; 0 without"]


class KnobsPart(TypedDict):
    """How the knobs of candidates with more than a free learning rate were chosen."""

    ranges: Annotated[dict[str, list[Any]], 'the range of each knob, `[low, high]` or `[low, high, "log"]`']
    sampler: Annotated[str, "what proposed the values"]
    proposals: Annotated[int, "values of all knobs that were tried for each candidate"]
    seeds: Annotated[list[int], "tuning seeds of every proposal"]
    leading: Annotated[int, "proposals with the best scores, which ran on more seeds"]
    more_seeds: Annotated[list[int], "tuning seeds of the leading proposals, by which one was chosen"]
    runs: Annotated[int, "tuning runs of each candidate"]


class Protocol(TypedDict):
    """What all runs share, and how they are judged."""

    epochs: Annotated[int, "epochs of each run"]
    batch_size: Annotated[int | None, "rows in a batch; null for a training function"]
    updates_per_epoch: Annotated[int, "optimizer updates in an epoch"]
    horizon: Annotated[int, "updates planned for each run"]
    model: Annotated[str, "the model, in words"]
    model_notes: Annotated[list[str], "how the inputs and weights of a model of the user's own are treated"]
    model_warnings: Annotated[list[str], "what makes the scores of such a model worse than they could be"]
    optimizer: Annotated[dict[str, Any], "its `name` and settings"]
    optimizer_groups: Annotated[
        list[dict[str, Any]] | None,
        "each group of parameters of a PyTorch optimizer, where they differ: the names of its `parameters`, "
        "`multiplier` of the rate, and its own `settings`",
    ]
    compiled_optimizer: Annotated[
        dict[str, Any] | None,
        "`name` and settings of the optimizer that a Keras model is compiled with; null if not known",
    ]
    undecayed: Annotated[
        dict[str, list[Any]] | None,
        "what that optimizer excludes from weight decay: `weights` by place, `names` by pattern, or null",
    ]
    metric: Annotated[str, "the metric that scores a run"]
    higher_is_better: Annotated[bool, "false for a loss or an error"]
    share: Annotated[bool, "whether the metric lies between 0 and 1 and is shown in percent"]
    split: Annotated[str, "how rows are split into training and validation, in words"]
    split_kind: Annotated[str, "the kind of split, such as `stratified`; `own` for a training function"]
    folds: Annotated[int | None, "folds of a cross-validation"]
    baseline: Annotated[str, "name of the candidate that the others are compared with"]
    margin: Annotated[
        float,
        "the smallest difference that matters: as set with `margin=`; else half a point, or the value of "
        "one row if that is more; for a metric that is not a share, 1 % of the baseline's "
        "median score, or 5 % of its spread over seeds if that is more",
    ]
    budget: Annotated[
        str | int | None, "the budget of a study that adds seeds until it is decided; null for any other"
    ]
    tuning: Annotated[Tuning | None, "how free rates were chosen; null if no candidate has only that"]
    knobs: Annotated[
        KnobsPart | None, "how several knobs were searched together; null if no candidate has them"
    ]


class StudyPart(TypedDict):
    """The study that was run."""

    name: Annotated[str, "name of the problem"]
    fingerprint: Annotated[str, "changes with the data, the model, the training or any version"]
    seeds: Annotated[list[int], "seeds of the verdict, none of them used for tuning"]
    looks: Annotated[
        list[int],
        "seeds, or repeats of a cross-validation, of every verdict on these candidates, this one last",
    ]
    protocol: Annotated[Protocol, "what all runs share, and how they are judged"]
    versions: Annotated[dict[str, str], "version of each package, and of Python"]
    command: Annotated[str, "the command or call that runs the study again"]
    call: Annotated[str, "the call that runs it again in Python; empty if it is not known"]


class PartFacts(TypedDict):
    """The rows of one part, training or validation, on the first seed."""

    rows: Annotated[int, "number of rows"]
    counts: NotRequired[Annotated[dict[str, int], "rows of each class; absent for a regression"]]
    shares: NotRequired[Annotated[dict[str, float], "share of each class; absent for a regression"]]
    mean: NotRequired[Annotated[float, "mean of the target; for a regression only"]]
    sd: NotRequired[Annotated[float, "standard deviation of the target; for a regression only"]]


class Reference(TypedDict):
    """A simple model on the splits of the study, for scale."""

    name: Annotated[str, "`logistic regression` or `linear regression`, by scikit-learn"]
    scores: Annotated[list[float], "its score on each of the first seeds, on the rows of that seed"]


class DataFacts(TypedDict):
    """The data, and how much a score on them can tell."""

    name: Annotated[str, "name of the data"]
    kind: Annotated[
        str | None, "`binary`, `multiclass`, `multilabel` or `regression`; null for a training function"
    ]
    target: Annotated[str | None, "the column of a table to predict, or several with commas between"]
    rows: Annotated[int | None, "rows of the whole table"]
    groups: Annotated[int | None, "groups of rows that are never split; null without them"]
    features: Annotated[int | None, "numbers in a row"]
    classes: Annotated[list[str], "names of the classes or labels"]
    parts: Annotated[dict[str, PartFacts], "`train` and `validation`; empty for a training function"]
    shares_vary: Annotated[
        bool,
        "whether `parts`, which are those of the first seed, have other shares of the classes than others",
    ]
    majority_baseline: Annotated[
        float | None,
        "score of always giving the most common answer, or of always predicting the mean; for another metric "
        "than the accuracy, of always giving the shares of the classes; on average over the seeds",
    ]
    baseline_metric: Annotated[str | None, "the metric of `majority_baseline`"]
    majority_class: NotRequired[
        Annotated[
            str, "the most common class over seeds, where the shares vary and the metric is the accuracy"
        ]
    ]
    sample_value: Annotated[
        float | None,
        "how much one more correct answer can add to a score; null for a score without steps, such as a loss",
    ]
    held_out: Annotated[bool, "whether the verdict uses a test part that tuning never sees"]
    copies: Annotated[
        int | None, "validation rows with the same inputs as a training row; null if not counted"
    ]
    scaled: Annotated[
        list[str], "what is scaled before the model sees it: `inputs`, `target`, both or nothing"
    ]
    notes: Annotated[list[str], "how the data was read"]
    source: Annotated[str | None, "where the data comes from"]
    references: Annotated[list[Reference], "simple models on the same splits; empty where there is none"]
    target_spreads: Annotated[
        list[float], "standard deviation of the target in the validation rows of each seed; empty without R2"
    ]


class VersusBaseline(TypedDict):
    """The comparison of one candidate with the baseline, paired by seed."""

    mean: Annotated[
        float | None,
        "mean paired difference from the baseline, in units of the metric, both at their best rates; "
        "of a candidate whose knobs were searched together, at the values that were chosen; null if no seed, "
        "or no repeat of a cross-validation, finished for both",
    ]
    ci95: Annotated[list[float] | None, "95 % interval of the difference, tuning error included"]
    p: Annotated[
        float,
        "two-sided paired test, tuning error included; a diverged run ranks below every finished one",
    ]
    p_holm: Annotated[float, "`p` after Holm's correction over all pairs of candidates"]
    p_better: Annotated[
        float,
        "share of seeds, or of repeats of a cross-validation, that the candidate wins; a tie counts half",
    ]
    verdict: Annotated[Word, "`better`, `equivalent`, `worse` or `not shown`"]


class CandidateAnswer(TypedDict):
    """One candidate: its schedule, its scores, its comparison with the baseline."""

    name: Annotated[str, "name of the candidate"]
    spec: Annotated[str, "its schedule with what was chosen, as text that `stepsize` reads"]
    settings: Annotated[dict[str, Any], "its own settings, with what was chosen"]
    protocol: Annotated[
        dict[str, Any],
        "what it has in place of fields of `study.protocol`, such as its own `model`, `epochs` and "
        "`optimizer`, without `settings`, and of `data.scaled`; empty if nothing",
    ]
    lr: Annotated[float | None, "the chosen rate; null if the schedule has no free one"]
    lr_range: Annotated[
        list[float] | None, "lowest and highest rate that are as good within the margin; null like `lr`"
    ]
    lr_at_edge: Annotated[bool, "whether `lr` lies nearest to the lowest or highest rate tried"]
    lr_at_limit: Annotated[bool, "whether the schedule does not allow a rate beyond `lr`"]
    knobs: Annotated[
        dict[str, float] | None, "the values of several knobs that were searched together; else null"
    ]
    knobs_at_edge: Annotated[list[str], "those of them whose value lies at an end of its range"]
    promised: Annotated[
        float | None,
        "mean score of the tuning runs that these values were chosen by; null without them, or if all "
        "of these runs diverged",
    ]
    n: Annotated[int, "runs"]
    dropped: Annotated[bool, "whether it was shown to be behind and did not run on the seeds added later"]
    replicates: Annotated[
        int,
        "what the statistics count: seeds that finished, or whole repeats of a cross-validation",
    ]
    diverged: Annotated[int, "runs that diverged"]
    mean: Annotated[
        float | None,
        "mean score of the runs that finished; in a cross-validation, of the repeats that finished whole",
    ]
    sd: Annotated[
        float | None,
        "standard deviation of the scores, or of the means of these repeats; null with one of them",
    ]
    ci95: Annotated[
        list[float] | None,
        "t-interval of the mean over seeds, or over whole repeats; where a score moves in steps (1/116 for "
        "one of 116 rows), its spread is at least that of one step",
    ]
    error: Annotated[
        float | None,
        "root mean squared error in the units of the target, mean over the runs of `mean`; null unless the "
        "metric is R2",
    ]
    ci95_new_rows: Annotated[
        list[float] | None, "95 % interval of the mean on new rows of the same population; null if not known"
    ]
    scores: Annotated[
        list[float | None],
        "score of each run after its last epoch, in the order of `study.seeds`, of which a dropped "
        "candidate has the first ones; null if it diverged",
    ]
    vs_baseline: Annotated[VersusBaseline | None, "comparison with the baseline, for which it is null"]
    in_best_set: Annotated[
        bool,
        "finished a run, or a whole repeat of a cross-validation, and no other is shown to be better",
    ]


class Verdict(TypedDict):
    """What may be concluded."""

    status: Annotated[
        Literal["one_best", "tied", "no_whole_repeat", "all_diverged"],
        "`one_best` or `tied`; `no_whole_repeat` if every repeat of a cross-validation lost a run, "
        "`all_diverged` if no run finished",
    ]
    best_set: Annotated[list[str], "names of the candidates that may be the best"]
    recommended: Annotated[str | None, "name of the candidate to use; null with the last two statuses"]
    reason: Annotated[str | None, "why this candidate of the best set"]
    seeds_needed: Annotated[
        int | None,
        "seeds that resolve a difference of the margin between the recommended candidate and every other one "
        "of the best set that finished on the same seeds, at 80 % power; null if there is none",
    ]
    seeds_enough: Annotated[bool, "whether the study has that many seeds, and no difference was shown"]
    stopped: Annotated[
        Literal["decided", "budget"] | None,
        "why a study that adds seeds until it is decided stopped; null for any other",
    ]
    headline: Annotated[str, "what to use, in a plain sentence"]
    sentence: Annotated[str, "the conclusion in one sentence, with its numbers"]
    for_scale: Annotated[list[str], "sentences that set the score beside a constant answer and simple models"]


class Cost(TypedDict):
    """What this process trained; runs from the store cost nothing."""

    runs: Annotated[int, "runs trained now"]
    seconds: Annotated[float, "wall time, compilation included"]
    runs_per_second: Annotated[float, "speed without compilation"]
    compile_seconds: Annotated[float, "time spent compiling"]
    layout: Annotated[str, "how the runs were laid out"]


class Answer(TypedDict):
    """The answer of a study, as `stepsize compare --json` prints it."""

    study: Annotated[StudyPart, "the study that was run"]
    data: Annotated[DataFacts, "the data, and how much a score on them can tell"]
    candidates: Annotated[list[CandidateAnswer], "one entry per candidate, in the order of the study"]
    verdict: Annotated[Verdict, "what may be concluded"]
    notes: Annotated[list[str], "sentences that help to read the verdict"]
    warnings: Annotated[list[str], "sentences about what may make the verdict wrong or weak"]
    cost: Annotated[Cost, "what this process trained"]
