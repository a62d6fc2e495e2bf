"""A study file with every key, and the study that a file or a name plans."""

from __future__ import annotations

from stepsize.study.study_files.description import (
    describe_study,
    make_problem,
    plan_study,
)

TABLE = "a,b,kind\n" + "".join(f"{i},{i % 3},{'xy'[i % 2]}\n" for i in range(40))
FILE = """
name = "mine"
data = "tables/t.csv"
target = "kind"
model = "mlp(4)"
optimizer = { name = "sgd", momentum = 0.5 }
epochs = 2
batch_size = 10
split = { kind = "stratified", validation = 0.4 }
candidates = ["constant(lr)", { schedule = "cosine(0.1)", momentum = 0.8, name = "fast" }]
seeds = 6
baseline = "fast"
margin = 0.03
tuning = { rates = [0.01, 0.1], rounds = 1, seeds = 2 }
"""


def planned(source, **flags):
    """Plan the study of a file or name."""
    description = describe_study(source, flags)
    problem = make_problem(description)
    return description, problem, plan_study(description, problem)
