"""What is written is what the dataset's own reader takes."""

from pathlib import Path

import numpy as np
import pytest

from samo.datasets import celeba
from samo.datasets.parts.scenes.furniture import CLASSES
from samo.study.data import made_faces


def test_made_pictures_pass_the_check_of_given_ones_and_are_prepared_like_them(tmp_path: Path) -> None:
    folder, counts = tmp_path / "given/celeba", {"train": 3, "val": 1, "test": 1}
    made_faces.write(folder, counts, 32)
    assert celeba.check(folder) == []
    out = tmp_path / "prepared"
    out.mkdir()
    sheet = celeba.prepare(folder, out, celeba.Data(**counts, side=32))
    assert sheet["attributes"] == list(CLASSES)
    images, labels = np.load(out / "train_images.npy"), np.load(out / "train_labels.npy")
    assert images.shape == (3, 32, 32, 3)
    assert labels.shape == (3, len(CLASSES))
    assert images.std() > 0
    assert labels[:, CLASSES.index("floor")].any()
    with pytest.raises(FileExistsError, match="there already"):
        made_faces.write(folder, counts, 32)
