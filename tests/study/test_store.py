import errno
import math
import os
import subprocess
from pathlib import Path

import pytest

from samo.study import store
from samo.study.errors import WriteError


def test_a_file_and_a_folder_are_whole_or_as_they_were(tmp_path):
    path, folder = tmp_path / "deep/file", tmp_path / "folder"
    store.write_text(path, "old")
    with store.whole_folder(folder) as made:
        (made / "a").write_text("1")
    with pytest.raises(RuntimeError), store.whole_file(path) as stream:
        stream.write(b"half")
        raise RuntimeError
    with pytest.raises(RuntimeError), store.whole_folder(folder) as made:
        (made / "b").write_text("2")
        raise RuntimeError
    assert path.read_text() == "old"
    left = ["deep", "deep/file", "folder", "folder/a"]
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")) == left
    with store.whole_folder(folder) as made:
        (made / "c").write_text("3")
    assert [p.name for p in folder.iterdir()] == ["c"]


def test_json_has_one_spelling_and_a_broken_file_is_named(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    store.write_json(one, {"b": 1 / 3, "a": [math.nan, math.inf, 2], 3: (True, None)})
    store.write_json(two, {3: [True, None], "a": [math.nan, -math.inf, 2], "b": 1 / 3 + 1e-9})
    assert one.read_bytes() == two.read_bytes()
    assert store.read_json(one) == {"3": [True, None], "a": [None, None, 2], "b": 0.333333}
    one.write_text('{"a": 1')
    with pytest.raises(ValueError, match=r"one: not JSON"):
        store.read_json(one)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own of 64 kB, where a test may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a test may mount no disk here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def old(root):
    """A file and a folder that are there."""
    store.write_text(root / "file", "old")
    with store.whole_folder(root / "folder") as made:
        (made / "a").write_text("old")
    return root / "file", root / "folder"


def test_on_a_full_disk_and_a_read_only_one_what_was_there_stays(small_disk):
    file, folder = old(small_disk)

    def fill():
        with store.whole_folder(folder) as made, (made / "b").open("wb") as stream:
            stream.write(bytes(1 << 17))

    with pytest.raises(WriteError, match=r"No space left on device; what was there stays: '.*/disk/file'"):
        store.write_text(file, "new" * 30_000)
    with pytest.raises(WriteError, match=r"No space left.*'.*/disk/folder'"):
        fill()
    assert (file.read_text(), (folder / "a").read_text()) == ("old", "old")
    assert sorted(p.name for p in small_disk.iterdir()) == ["file", "folder"]

    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for write in (lambda: store.write_text(file, "new"), lambda: store.write_text(small_disk / "deep/file", ""), fill):
        with pytest.raises(WriteError, match="Read-only file system; what was there stays") as said:
            write()
        assert "\n" not in str(said.value)
    assert (file.read_text(), (folder / "a").read_text()) == ("old", "old")


@pytest.mark.parametrize("call", ["fsync", "replace", "rename"])
def test_a_disk_that_fills_at_the_last_moment(tmp_path, monkeypatch, call):
    file, folder = old(tmp_path)

    def full(*_args, **_more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync" if call == "fsync" else call, full)
    if call != "rename":
        with pytest.raises(WriteError):
            store.write_text(file, "new")
    if call != "replace":
        with pytest.raises(WriteError), store.whole_folder(folder) as made:
            (made / "b").touch()
    monkeypatch.undo()
    assert (file.read_text(), (folder / "a").read_text()) == ("old", "old")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_a_folder_that_cannot_take_its_place_leaves_the_old_one_there(tmp_path, monkeypatch):
    (tmp_path / "made").mkdir()
    (tmp_path / "made/one").write_text("old")
    rename = Path.rename

    def fails(path, target):
        if (path / "two").exists():
            raise InterruptedError
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(InterruptedError), store.whole_folder(tmp_path / "made") as folder:
        (folder / "two").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
    assert (tmp_path / "made/one").read_text() == "old"


def test_faults_of_what_is_read_meanwhile_keep_their_own_name(tmp_path):
    other = PermissionError(errno.EACCES, "Permission denied", "/elsewhere/raw")
    with pytest.raises(PermissionError, match="/elsewhere/raw"), store.whole_folder(tmp_path / "out"):
        raise other
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_goes_and_a_living_one_s_stays(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = [tmp_path / f".file.{dead.pid}-00.part", tmp_path / f".file.{os.getpid()}-00.part"]
    for path in left:
        path.touch()
    (tmp_path / f".file.{dead.pid}-01.part").mkdir()
    other = tmp_path / f".file.more.{dead.pid}-00.part"
    other.touch()
    store.write_text(tmp_path / "file", "new")
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "file", left[1], other])
