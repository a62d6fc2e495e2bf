"""One answer, three ways to read it: `text` for a terminal, `html` for a browser, `charts` for pictures.

Every renderer reads the same two dicts and computes no statistics of its own. `answer` is what
`stepsize compare --json` prints; `details` holds the series that only pictures need:

```
details = {
  "plans":  {name: {"epoch": [...], "lr": [...]}},
  "curves": {name: {"epoch": [...], "train_loss": BAND, "val_loss": BAND, "metric": BAND}},
  "sweep":  {name: [{"lr": ..., "scores": [...], "mean": ..., "chosen": ...}]},
}                                              BAND = {"mean": [...], "low": [...], "high": [...]}
```

`view` turns the two dicts into the strings and numbers to show; the renderers only arrange them.
"""
