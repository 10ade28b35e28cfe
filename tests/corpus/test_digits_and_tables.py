"""Digits and molecules, through the stage `prepare`: they came by another way than `fetch`, which knows digests."""

import gzip
import struct

import numpy as np
import pytest

from samo.datasets.parts import composites
from tests.corpus.entry import refused
from tests.corpus.raw import prepared
from tests.datasets import made_raw
from tests.datasets.made_raw import idx, write_split

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
HUGE = struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1)

DIGITS = {
    "missing": (LABELS, None, ["train-labels-idx1-ubyte"]),
    "cut": (IMAGES, idx(np.zeros((40, 28, 28), np.uint8))[:-1], ["bytes follow"]),
    "of more bytes than there are": (IMAGES, HUGE, ["its header says"]),
    "still compressed": (IMAGES, gzip.compress(idx(np.zeros((40, 28, 28), np.uint8))), ["not an idx file"]),
    "of another shape": (IMAGES, idx(np.zeros((40, 28, 27), np.uint8)), ["(40, 28, 27)"]),
    "a label out of range": (LABELS, idx(np.full(40, 10, np.uint8)), ["a label 10"]),
    "of one class alone": (LABELS, idx(np.zeros(40, np.uint8)), ["class"]),
    "too few to hold any back": (
        (IMAGES, LABELS),
        (idx(np.zeros((12, 28, 28), np.uint8)), idx(np.arange(12, dtype=np.uint8) % 10)),
        ["12 images"],
    ),
}


@pytest.mark.parametrize("name", DIGITS)
def test_broken_digits(bare, capsys, monkeypatch, name):
    names, contents, told = DIGITS[name]
    monkeypatch.setattr(composites, "HELD_OUT", 15)
    raw = bare / "data/raw/multimnist"
    write_split(raw, "train", np.arange(100, 140, dtype=np.uint8))
    write_split(raw, "t10k", np.arange(140, 160, dtype=np.uint8))
    for file, content in zip(*((names, contents) if isinstance(names, tuple) else ([names], [contents])), strict=True):
        (raw / file).unlink()
        if content is not None:
            (raw / file).write_bytes(content)
    refused(prepared(bare, capsys, "multimnist"), str(raw), *told, "dvc repro")


# Molecules: tables of text.

TABLES = {
    "missing": (lambda path: path.unlink(), []),
    "empty": (lambda path: path.write_bytes(b""), ["no column"]),
    "no text": (lambda path: path.write_bytes(path.read_bytes()[:800] + b"\xff\xfe" * 50), []),
    "a field of megabytes": (lambda path: path.write_text(path.read_text() + '"' + "x" * 1_000_000), ["field"]),
}


@pytest.fixture(scope="module")
def molecules():
    return [made_raw.molecule(i) for i in range(14)]


@pytest.mark.parametrize("name", TABLES)
def test_broken_tables(bare, capsys, molecules, name):
    breaks, told = TABLES[name]
    raw = bare / "data/raw/qm9"
    raw.parent.mkdir(parents=True)
    made_raw.molecules(raw, molecules)
    table = sorted(raw.rglob("*.csv"))[0]
    breaks(table)
    refused(prepared(bare, capsys, "qm9"), str(table), *told, "dvc repro")
