"""Study files: a study as keys and values, read from TOML or keyword arguments and written as TOML again.

`keys` lists the keys. `description` turns a name, a file or keywords into one dict with these keys, and the
dict into a problem and a `Study`. `options` reads the arguments of `compare`; `toml_reader` and `toml_writer`
read and write the file.
"""
