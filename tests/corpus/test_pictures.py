"""Pictures, lists and weights that a person brings, through `samo fetch` and the stage `prepare`."""

import io
import pickle
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.corpus.entry import Harm, refused, samo, untouched
from tests.corpus.raw import prepared


def png(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds a single line of zeros."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def picture(form: str) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").save(out, form)
    return out.getvalue()


PICTURES = {
    "a PNG of a terabyte": png(2**20, 2**20),
    "a PNG with a flipped bit": picture("PNG")[:200] + b"\xff" + picture("PNG")[201:],
    "a cut JPEG": picture("JPEG")[:500],
    "a program of PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(ran) (w) file\n",
    "a pickle": pickle.dumps(Harm(Path("ran"))),
}


@pytest.fixture
def things(tmp_path):
    """Two domains of two classes with six pictures each."""
    folder = tmp_path / "given/officehome"
    for domain in ("Art", "Clipart"):
        for group in ("Alarm", "Bed"):
            (folder / domain / group).mkdir(parents=True)
            for n in range(6):
                (folder / domain / group / f"{n}.jpg").write_bytes(picture("JPEG"))
    return folder


@pytest.mark.parametrize("name", PICTURES)
def test_broken_pictures(bare, things, capsys, name):
    path = things / "Art/Bed/3.jpg"
    path.write_bytes(PICTURES[name])
    with untouched(bare.parent):
        refused(samo(capsys, "fetch", "officehome"), str(path), "JPEG or PNG", lines=4)
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("Art/../../secret.jpg 0", "not Art/<class>/<picture>"),
        ("Art/Bed/99.jpg 0", "missing, but listed"),
        ("Art/Bed/1.jpg 1e9", "and a number"),
    ],
)
def test_lists_that_lead_elsewhere(bare, things, capsys, entry, told):
    (things / "split").mkdir()
    for domain in ("Art", "Clipart"):
        for split in ("train", "val", "test"):
            (things / f"split/{domain}_{split}.txt").write_text(entry + "\n" if domain == "Art" else "")
    with untouched(bare.parent):
        refused(
            samo(capsys, "fetch", "officehome"), told, "split/Art_train.txt" if "99" not in entry else "99.jpg", lines=9
        )


@pytest.mark.parametrize("content", ["pickle", "cut", "none"])
def test_weights_that_are_none(bare, things, capsys, content):
    trap, path = bare.parent / "ran", things / "weights.pth"
    made = {"pickle": pickle.dumps(Harm(trap)), "cut": b"PK\x03\x04abc"}
    if content != "none":
        path.write_bytes(made[content])
    refused(prepared(bare, capsys, "officehome"), str(path), "replace it in")
    assert not trap.exists()
