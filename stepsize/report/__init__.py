"""One answer, three ways to read it: `text` for a terminal, `html` for a browser, `charts` for pictures.

Every renderer reads an `Answer`, which `stepsize compare --json` prints, and `Details`, the series that only
pictures need (in `stepsize.verdict.answer` and `stepsize.verdict.series`), and computes no statistics. `view`
turns the two into the strings and numbers to show; the renderers only arrange them.
"""
