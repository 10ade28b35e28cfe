import pytest
import torch

from samo.models import mpnn
from samo.models.mpnn import Molecules


def molecules(sizes, seed=0, widest=None):
    """Made molecules in double precision: random atoms, symmetric random pairs."""
    generator = torch.Generator().manual_seed(seed)
    n = widest or max(sizes)
    real = torch.arange(n) < torch.tensor(sizes).unsqueeze(1)
    atoms = torch.rand(len(sizes), n, 11, generator=generator, dtype=torch.float64) * real.unsqueeze(2)
    pairs = torch.rand(len(sizes), n, n, 5, generator=generator, dtype=torch.float64)
    pairs = pairs + pairs.transpose(1, 2)
    return Molecules(atoms, pairs, real, real.flatten().nonzero().squeeze(1), real.nonzero()[:, 0])


@pytest.fixture
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return mpnn.build(width=8).double()


def test_the_convolution_is_that_of_pytorch_geometric(network):
    batch, conv = molecules([5, 2, 7, 1]), network.trunk.conv
    states = torch.rand(4, 7, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours = mpnn.convolve(conv, states, *mpnn.neighbours(conv, batch)).flatten(0, 1)[batch.place]
    pair = batch.real.unsqueeze(1) & batch.real.unsqueeze(2) & ~torch.eye(7, dtype=torch.bool)
    whose, to, source = pair.nonzero().T
    row = batch.real.flatten().cumsum(0) - 1
    edges = row[torch.stack([whose * 7 + source, whose * 7 + to])]
    theirs = conv(states.flatten(0, 1)[batch.place], edges, batch.pairs[whose, to, source])
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    both = [torch.autograd.grad(y.square().sum(), list(conv.parameters()), retain_graph=True) for y in (ours, theirs)]
    torch.testing.assert_close(*both, rtol=1e-9, atol=1e-12)


def test_what_stands_in_empty_places_changes_nothing(network):
    batch = molecules([3, 6])
    other = torch.where(batch.real.unsqueeze(2), batch.atoms, 7.0)
    both = batch.real.unsqueeze(1) & batch.real.unsqueeze(2)
    pairs = torch.where(both.unsqueeze(3), batch.pairs, 7.0)
    torch.testing.assert_close(network.trunk(batch), network.trunk(batch._replace(atoms=other, pairs=pairs)))


def test_the_order_of_the_atoms_does_not_matter(network):
    batch, turned = molecules([6, 6]), torch.tensor([3, 1, 5, 0, 2, 4])
    other = batch._replace(atoms=batch.atoms[:, turned], pairs=batch.pairs[:, turned][:, :, turned])
    torch.testing.assert_close(network.trunk(batch), network.trunk(other))
    assert not torch.allclose(network.trunk(batch), network.trunk(batch._replace(pairs=other.pairs)))


def test_a_molecule_does_not_see_the_others_of_its_batch(network):
    batch = molecules([4, 6])
    alone = molecules([4], widest=4)._replace(atoms=batch.atoms[:1, :4], pairs=batch.pairs[:1, :4, :4])
    torch.testing.assert_close(network.trunk(batch)[:1], network.trunk(alone))
