"""Arrays of views that a person brings, through `samo fetch` and the stage `prepare`."""

import io
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from samo.datasets import nyuv2
from tests.corpus.entry import Harm, refused, samo, untouched
from tests.corpus.raw import prepared, profile
from tests.datasets.made_raw import views as write_views


def header(**fields) -> bytes:
    said = repr({"descr": "<f4", "fortran_order": False, **fields}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(said)) + said


def objects(trap: Path) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([Harm(trap)], dtype=object), allow_pickle=True)
    return out.getvalue()


VIEWS = {
    "more numbers than any machine holds": lambda trap: header(shape=(2**40, 2**20, 3)),
    "code for a header": lambda trap: header().replace(b"False", b"os.mkdir('x')"),
    "objects": objects,
    "a pickle": lambda trap: pickle.dumps(Harm(trap)),
    "times": lambda trap: header(descr="<M8[s]", shape=(1, 1, 3)) + bytes(24),
}


@pytest.fixture
def views(tmp_path, monkeypatch):
    small = nyuv2.LAYOUT.__class__(nyuv2.LAYOUT.folders, {"train": 8, "val": 3}, nyuv2.LAYOUT.classes)
    monkeypatch.setattr(nyuv2, "LAYOUT", small)
    monkeypatch.setattr(nyuv2, "RAW", nyuv2.RAW.__class__(nyuv2.RAW.what, nyuv2.RAW.where, "", small.check))
    return write_views(tmp_path / "given/nyuv2", small)


@pytest.mark.parametrize("name", VIEWS)
def test_broken_views(bare, views, capsys, name):
    trap = bare.parent / "ran"
    path = views / "val/image/1.npy"
    path.write_bytes(VIEWS[name](trap))
    profile(bare, "nyuv2")
    with untouched(bare.parent):
        found = samo(capsys, "fetch", "nyuv2")
    refused(found, str(path), "brought by hand", lines=4)
    refused(prepared(bare, capsys, "nyuv2"), str(path), "replace it in")
    assert not trap.exists()


def test_a_folder_in_the_place_of_an_array(bare, views, capsys):
    (views / "val/depth/1.npy").unlink()
    (views / "val/depth/1.npy").mkdir()
    with untouched(bare.parent):
        refused(samo(capsys, "fetch", "nyuv2"), "val/depth/1.npy", lines=4)


def test_an_array_that_is_a_link_to_nowhere_or_to_itself(bare, views, capsys):
    for name, target in (("0.npy", "/nowhere/0.npy"), ("1.npy", "1.npy")):
        (views / "train/label" / name).unlink()
        (views / "train/label" / name).symlink_to(target)
    with untouched(bare.parent):
        refused(samo(capsys, "fetch", "nyuv2"), "label/0.npy", "label/1.npy", lines=5)
