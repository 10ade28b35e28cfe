import math

import pytest

from samo.study import store


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "deep" / "file"
    store.write_text(path, "old")
    with pytest.raises(RuntimeError), store.whole_file(path) as stream:
        stream.write(b"half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "folder"
    with store.whole_folder(path) as folder:
        (folder / "a").write_text("1")
    with pytest.raises(RuntimeError), store.whole_folder(path) as folder:
        (folder / "b").write_text("2")
        raise RuntimeError
    assert [p.name for p in path.iterdir()] == ["a"]
    assert list(tmp_path.iterdir()) == [path]
    with store.whole_folder(path) as folder:
        (folder / "c").write_text("3")
    assert [p.name for p in path.iterdir()] == ["c"]


def test_json_has_one_spelling(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    store.write_json(one, {"b": 1 / 3, "a": [math.nan, math.inf, 2], 3: (True, None)})
    store.write_json(two, {3: [True, None], "a": [math.nan, -math.inf, 2], "b": 1 / 3 + 1e-9})
    assert one.read_bytes() == two.read_bytes()
    assert store.read_json(one) == {"3": [True, None], "a": [None, None, 2], "b": 0.333333}


def test_a_broken_json_file_is_named(tmp_path):
    path = tmp_path / "cut.json"
    path.write_text('{"a": 1')
    with pytest.raises(ValueError, match=r"cut\.json: not JSON"):
        store.read_json(path)
