"""The Python lines that predict new rows of the table of a study, with its own target and columns."""

from __future__ import annotations

import ast
import re

from stepsize.verdict.answer import Answer

CALL = "stepsize.compare("
LONGEST = 70  # characters of a call on one line


def prediction_code(answer: Answer) -> str | None:
    """Return code that trains the recommended candidate, saves it, and predicts the rows of a new file.

    None unless the study was of a table, has a recommended candidate, and trained a Keras model.
    """
    call = short_call(answer)
    if call is None:
        return None
    target = [each.strip() for each in (answer["data"]["target"] or "").split(", ")]
    file = f"{answer['study']['name']}.keras"
    classes = answer["data"]["classes"] if answer["data"]["kind"] == "binary" and len(target) == 1 else []
    table = f"pandas.DataFrame(trained.predict(new), columns={target!r})"
    chance = (
        f"predicted[{f'chance of {classes[1]}'!r}] = trained.probabilities(new)[:, 1]\n" if classes else ""
    )
    return (
        "import pandas\n"
        "import stepsize as ss\n"
        "\n"
        f"result = {call}  # quick: the runs are stored\n"
        "trained = result.train(seed=0)\n"
        f"trained.save({file!r})  # another day: trained = ss.load_trained({file!r})\n"
        "\n"
        "new = 'new.csv'  # the same columns, with or without the target; or a frame\n"
        f"predicted = {table}\n"
        f"{chance}"
        "predicted.to_csv('predicted.csv', index=False)  # a row for each row of new.csv\n"
    )


def short_code(answer: Answer) -> str | None:
    """Return the fewest lines that predict the rows of a new file; None where `short_call` is None."""
    call = short_call(answer)
    if call is None:
        return None
    return f"import stepsize as ss\ntrained = {call}.train()\nprint(trained.predict('new.csv'))\n"


def short_call(answer: Answer) -> str | None:
    """Return the call of the study in Python, with `ss` for the package; None where nothing can predict.

    >>> short_call({"verdict": {"recommended": None}})
    """
    if answer["verdict"]["recommended"] is None or answer["data"]["target"] is None:
        return None
    call = answer["study"]["call"]
    is_torch = answer["study"]["protocol"]["model"].endswith(" (PyTorch)")
    if is_torch or not call.startswith(CALL):
        return None
    return _broken(re.sub(r"\bstepsize\.(?=compare\(|Candidate\()", "ss.", call))


def _broken(call: str) -> str:
    """Return a call with a line for each argument if it is long.

    >>> print(_broken("ss.compare('a table with a very long name.csv', target='y', drop=['id', 'when'])"))
    ss.compare(
        'a table with a very long name.csv',
        target='y',
        drop=['id', 'when'],
    )
    """
    if len(call) <= LONGEST:
        return call
    try:
        (node,) = ast.parse(call).body
    except (SyntaxError, ValueError):  # an object that has no text to type
        return call
    assert isinstance(node, ast.Expr)
    assert isinstance(node.value, ast.Call)
    arguments = [*map(ast.unparse, node.value.args), *map(ast.unparse, node.value.keywords)]
    return "ss.compare(\n" + "".join(f"    {each},\n" for each in arguments) + ")"
