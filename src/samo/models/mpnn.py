"""Message passing over complete molecular graphs (Gilmer et al. 2017): 616,960 + 715 weights for 11 targets."""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import NNConv, Set2Set

from samo.models.multitask import MultiTaskNetwork

ATOM_FEATURES, PAIR_FEATURES = 11, 5
ROUNDS, READOUTS = 3, 3


class Molecules(NamedTuple):
    """A batch of B molecules of at most n atoms, A atoms in all.

    Attributes:
        atoms: features [B, n, 11]; zeros where a molecule has fewer than n atoms.
        pairs: features [B, n, n, 5] of every pair of atoms.
        real: [B, n], true where there is an atom.
        place: [A], where in the B n places the atoms lie.
        molecule: [A], whose they are.
    """

    atoms: Tensor
    pairs: Tensor
    real: Tensor
    place: Tensor
    molecule: Tensor


def build(tasks: int = 11, width: int = 64) -> MultiTaskNetwork:
    """The network of the papers for QM9 (Navon et al. 2022, Nash-MTL); heads: width -> 1.

    Input `Molecules`, outputs [B, 1]. A step's cost goes with the third power of the width; the papers' is 64.
    Weights are drawn from torch's global generator.
    """
    return MultiTaskNetwork(MessagePassing(width), [nn.Linear(width, 1) for _ in range(tasks)])


class MessagePassing(nn.Module):
    """Linear 11 -> w; three rounds of NNConv (mean; edge network 5 -> 2 w -> w^2) and GRU; Set2Set; Linear 2 w -> w."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inward = nn.Linear(ATOM_FEATURES, width)
        weights = nn.Sequential(nn.Linear(PAIR_FEATURES, 2 * width), nn.ReLU(), nn.Linear(2 * width, width**2))
        self.conv = NNConv(width, width, weights, aggr="mean")
        self.gru = nn.GRUCell(width, width)
        self.readout = Set2Set(width, processing_steps=READOUTS)
        self.outward = nn.Linear(2 * width, width)

    def forward(self, molecules: Molecules) -> Tensor:
        """Features [B, w]."""
        hidden, near = neighbours(self.conv, molecules)
        states = F.relu(self.inward(molecules.atoms))
        for _ in range(ROUNDS):
            messages = F.relu(convolve(self.conv, states, hidden, near))
            states = self.gru(messages.flatten(0, 1), states.flatten(0, 1)).view_as(states)
        atoms = states.flatten(0, 1)[molecules.place]
        features = self.readout(atoms, molecules.molecule, dim_size=len(molecules.atoms))
        return F.relu(cast("Tensor", self.outward(features)))


def neighbours(conv: NNConv, molecules: Molecules) -> tuple[Tensor, Tensor]:
    """What the rounds have in common.

    Returns:
        The hidden layer of the edge network [B, n, n, 2 w], times the weights of the pairs; these weights [B, n, n]
        in a mean over each atom's neighbours: they sum to one, and are zero where there is no pair.
    """
    n = molecules.real.shape[1]
    pair = molecules.real.unsqueeze(1) & molecules.real.unsqueeze(2)
    pair &= ~torch.eye(n, dtype=torch.bool, device=pair.device)
    near = pair.to(molecules.pairs.dtype) / pair.sum(2, keepdim=True).clamp(min=1)
    return F.relu(conv.nn[0](molecules.pairs)) * near.unsqueeze(-1), near


def convolve(conv: NNConv, states: Tensor, hidden: Tensor, near: Tensor) -> Tensor:
    """PyTorch Geometric's NNConv on complete graphs, with its sums in another order.

    The w x w weight of a pair is linear in the pair's hidden layer: W_ij = sum_k h_ijk V_k + V_0. NNConv makes W_ij
    for every pair; here each atom's state goes through V_k once, so that with n atoms the costly product is done n
    times instead of n (n - 1), and no array [pairs, w, w] is ever made. The result is the same up to rounding.

    Args:
        conv: holds the weights.
        states: [B, n, w].
        hidden: [B, n, n, 2 w] of `neighbours`.
        near: [B, n, n] of `neighbours`.

    Returns:
        [B, n, w].
    """
    batch, n, width = states.shape
    last = cast("nn.Linear", conv.nn[2])
    each = last.weight.view(width, width, -1).transpose(1, 2).reshape(width, -1)
    through = (states @ each).view(batch, -1, width)
    messages = hidden.view(batch, n, -1) @ through + near @ states @ last.bias.view(width, width)
    return messages + cast("Tensor", conv.lin(states)) + cast("Tensor", conv.bias)
