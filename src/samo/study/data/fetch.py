"""Raw files from the first source that gives the published bytes: whole and verified, or not there at all."""

import gzip
import hashlib
import shutil
import tempfile
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path

from samo.datasets.parts.sources import FAULTS, Given, RawFile, Source, Url
from samo.study.data import packages
from samo.study.errors import FetchError
from samo.study.store import digest, whole_file, write_json

TIMEOUT = 30.0
"""Seconds to wait for an answer before giving up on a source."""


def fetch(raw: Sequence[RawFile] | Given, folder: Path, given: Path, say: Callable[[str], None]) -> None:
    """Bring raw files into `folder`.

    Each file is taken from `given` (a folder that the user filled) if it is there, else from its sources in order. A
    file already in `folder` with the right digest is left alone. Data that only a person may bring stay where they
    are; `folder` then holds a manifest of them, from which later stages see a change. `say` gets lines on progress.
    A FetchError if a file cannot be had (those fetched so far stay), or if the given data are incomplete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(raw, Given):
        check_given(raw, given)
        files = sorted(path for path in given.rglob("*") if path.is_file())
        sizes = {path.relative_to(given).as_posix(): path.stat().st_size for path in files}
        write_json(folder / "manifest.json", {"files": sizes})  # enough to notice a replaced file
        say(f"{raw.what}: whole in {given}")
        return
    with tempfile.TemporaryDirectory() as packs:
        for file in raw:
            target = folder / file.name
            here = target.exists() and digest(target) == file.sha256
            say(f"{file.name}: " + ("here already" if here else f"from {_fetch_one(file, target, given, Path(packs))}"))


def check_given(raw: Given, given: Path) -> None:
    """Raise a FetchError if data that a person must bring are incomplete: what to get, where, and what was found."""
    faults = raw.check(given) if given.is_dir() else [f"{given}: no such folder"]
    if faults:
        lines = "\n".join(f"  {fault}" for fault in faults[:FAULTS])
        raise FetchError(
            f"{raw.what} must be brought by hand: get it from {raw.where} and lay it out in {given} as\n"
            f"  {raw.layout}\nfound instead:\n{lines}"
        )


def _fetch_one(file: RawFile, target: Path, given: Path, packs: Path) -> str:
    """Bring one file, and say from where."""
    by_hand = given / file.name
    if by_hand.exists():
        if (found := digest(by_hand)) != file.sha256:
            raise FetchError(f"{by_hand}: sha256 is {found}, the published one is {file.sha256}: replace the file")
        with whole_file(target) as out, by_hand.open("rb") as stream:
            shutil.copyfileobj(stream, out)
        return str(by_hand)
    tried = []
    for source in file.sources:
        name = source.address if isinstance(source, Url) else packages.name(source)
        try:
            content = _read(source, file.size + 1, packs)
            if len(content) > file.size:
                raise ValueError(f"longer than the published {file.size} bytes")
            if (found := hashlib.sha256(content).hexdigest()) != file.sha256:
                raise ValueError(f"{len(content)} bytes with sha256 {found[:12]}…, not the published ones")
        except (OSError, EOFError, ValueError, zlib.error, HTTPException) as error:
            reason = str(getattr(error, "reason", "") or error) or type(error).__name__
            tried.append(f"{name} ({reason.splitlines()[0]})")
        else:
            with whole_file(target) as out:
                out.write(content)
            return name
    raise FetchError(
        f"{file.name} could not be had: put the file (sha256 {file.sha256}, {file.size} bytes) into {given} "
        f"and call this again; tried " + "; ".join(tried)
    )


def _read(source: Source, most: int, packs: Path) -> bytes:
    if not isinstance(source, Url):
        return packages.read(source, most, packs)
    if not source.address.startswith("https://"):
        raise ValueError("not an https address")
    with urllib.request.urlopen(source.address, timeout=TIMEOUT) as response:
        return bytes((gzip.GzipFile(fileobj=response) if source.gzip else response).read(most))
