"""Examples of every kind of dataset, drawn."""

import pytest
import torch

from samo.datasets.parts.dense.split import Views
from samo.figures import examples
from samo.figures.style import svg
from samo.models.mpnn import Molecules


def molecules():
    """Two made ones: three atoms in a row, and two."""
    atoms, real = torch.zeros(2, 3, 11), torch.tensor([[True] * 3, [True, True, False]])
    atoms[:, :, 1] = 1
    at = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 1, 0]]).expand(2, 3, 3)
    pairs = torch.zeros(2, 3, 3, 5)
    pairs[..., -1] = torch.cdist(at, at)
    for i, j in ((0, 1), (1, 2)):
        pairs[:, i, j, 0] = pairs[:, j, i, 0] = 1
    return Molecules(atoms, pairs, real, torch.arange(5), torch.tensor([0, 0, 0, 1, 1]))


DOMAINS = {0: (torch.rand(2, 3, 6, 6), torch.tensor([3, 4])), 2: (torch.rand(1, 3, 6, 6), torch.tensor([5]))}
VIEWS = Views(torch.rand(2, 3, 4, 6), torch.tensor([-1, 2]).repeat(2, 4, 3), torch.rand(2, 1, 4, 6), None)
BATCHES = {
    "digits": ((torch.rand(9, 1, 6, 6), torch.ones(9, 2, dtype=torch.long)), ("left", "right"), 8, "left: 1"),
    "faces": ((torch.rand(4, 3, 6, 6), torch.eye(4, 40, dtype=torch.long)), [*"ab"] * 20, 4, "1 of 40 attributes"),
    "domains": (DOMAINS, ("art", "clipart", "product"), 3, "product"),
    "views": (VIEWS, ("segmentation", "depth"), 6, "depth"),
    "texts": ((torch.randint(3, (9, 6)), torch.ones(9, 7, dtype=torch.long)), ("genre",), 2, "parts of speech"),
    "vectors": ((torch.rand(9, 6), torch.ones(9, 2)), ("mean", "size"), 1, "its numbers"),
    "molecules": ((molecules(), torch.randn(2, 11)), ("mu", "alpha", "homo"), 2, "alpha"),
}


@pytest.mark.parametrize("kind", BATCHES)
def test_examples(kind):
    batch, tasks, panels, words = BATCHES[kind]
    assert len(examples.draw(batch, tasks).axes) == panels
    assert words in svg(lambda: examples.draw(batch, tasks))
