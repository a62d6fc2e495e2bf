"""A problem at the prompt and in a notebook."""

import stepsize as ss


def test_a_problem_is_one_line_at_the_prompt():
    text = repr(ss.problem("iris", epochs=10))
    assert text.startswith("Problem('iris': mlp(16); 150 rows of 3 classes, multiclass; sgd(momentum=0.9); ")
    assert len(text) < 250


def test_a_problem_is_a_table_in_a_notebook():
    html = ss.problem("iris", name="<b>")._repr_html_()
    assert html.count("<tr>") == 7
    assert "&lt;b&gt;" in html
