"""Loading: files, folders, frames, arrays and datasets of other libraries become `Data`.

`catalog.load` recognises the source. Tables pass through `files` and `frames`: `columns` decides what each
column becomes, `special_columns` reads groups, times, parts and weights, `targets` recognises the target.
Everything else becomes `arrays`: `numpy_files`, `images`, `datasets`. `memory` checks sizes beforehand.
"""
