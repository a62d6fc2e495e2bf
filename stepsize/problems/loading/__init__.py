"""Loading: files, folders, frames, arrays and datasets of other libraries become `Data`.

`catalog.load` recognises the source. Tables pass through `files` (text by way of `text_rows`, `headers` and
`text_frames`) and `frames`: `features` and `columns` decide what each column becomes, `special_columns` reads
groups, times, parts and weights, `targets` recognises the target. Everything else becomes `arrays`:
`numpy_files`, `images`, `datasets`. `memory` checks sizes beforehand.
"""
