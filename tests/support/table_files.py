"""A small table, and files that hold it."""

GOOD = "a,b,kind\n" + "\n".join(f"{i},{i * i},{'xy'[i % 2]}" for i in range(8)) + "\n"


def write(tmp_path, text, name="table.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_text(text, encoding=encoding)
    return str(path)


def assert_good(data):
    """Check that this is the table of `GOOD`."""
    assert data.x.tolist() == [[i, i * i] for i in range(8)]
    assert data.classes == ("x", "y")
    assert data.y.tolist() == [0, 1] * 4
