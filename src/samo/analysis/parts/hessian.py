"""The Hessian of a loss over some parameters, known only by its products with vectors: eigenvalues and trace.

A product is the derivative of the gradient's inner product with the vector (Pearlmutter 1994). Where a network has
kinks (ReLU, max pooling, an absolute error) this is the Hessian of the smooth piece that the weights lie in; what the
kinks themselves add is not seen.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh
from torch import Tensor

from samo.optim.jacobian import as_rows, fill_row

Pieces = Sequence[Callable[[], Tensor]]
"""A loss as a sum: each piece makes its graph when it is called, so that one of them is in memory at a time."""

SMALL = 1_000_000
"""Up to so many parameters, Lanczos may hold as many vectors as serve it best."""

RESTARTS = 100
"""After so many, Lanczos has failed."""


class Eigen(NamedTuple):
    """The largest eigenvalues, in descending order; no vectors where all is zero, and NaN where Lanczos failed.

    Attributes:
        values: [k].
        residuals: ||H v - lambda v|| / |lambda| of each pair, [k]: an eigenvalue lies within this, relative to lambda.
        vectors: [P, k], orthonormal, on the CPU.
    """

    values: NDArray[np.float64]
    residuals: NDArray[np.float64]
    vectors: Tensor


class Hessian:
    """H [P, P] of the sum of the pieces over these parameters, in their precision and on their device.

    One graph at a time: that of a single piece is kept from product to product (so the weights must stay as they are),
    those of several pieces are made anew for every product.
    """

    def __init__(self, pieces: Pieces, params: Sequence[Tensor]) -> None:
        self.params = list(params)
        self.size = sum(p.numel() for p in self.params)
        self._pieces = pieces
        self._kept = self._slope(pieces[0]) if len(pieces) == 1 else None

    def __matmul__(self, v: Tensor) -> Tensor:
        """H v for v [P], on v's device.

        Raises:
            FloatingPointError: it is not finite.
        """
        own = v.to(self.params[0])
        parts, row, total = as_rows(own, self.params), torch.empty_like(own), torch.zeros_like(own)
        for piece in self._pieces:
            slope = self._kept or self._slope(piece)
            if slope:
                inner, keep = [parts[d] for d in slope], slope is self._kept
                grads = torch.autograd.grad([*slope.values()], self.params, inner, retain_graph=keep, allow_unused=True)
                fill_row(row, self.params, grads)
                total += row
        if not torch.isfinite(total).all():
            raise FloatingPointError("a product with the Hessian is not finite")
        return total.to(v)

    @torch.enable_grad()
    def _slope(self, piece: Callable[[], Tensor]) -> dict[int, Tensor]:
        """The piece's gradient with its graph: index of a parameter -> gradient where it depends on the weights."""
        loss = piece()
        if not loss.requires_grad:
            return {}
        grads = torch.autograd.grad(loss, self.params, create_graph=True, allow_unused=True)
        return {d: g for d, g in enumerate(grads) if g is not None and g.requires_grad}


def largest(hessian: Hessian, k: int, generator: torch.Generator, *, tolerance: float = 0.01) -> Eigen:
    """The k algebraically largest eigenvalues, by SciPy's Lanczos (ARPACK's, with implicit restarts).

    Up to `SMALL` parameters the basis has 2 k + 10 vectors: with fewer, one of the smaller eigenvalues is now and then
    passed over. Beyond, k is at most 5 and the basis 8 vectors: 12 with ARPACK's own, 16 with those of the product, and
    22 for a moment when SciPy hands the eigenvectors out.

    Args:
        hessian: of P parameters; with no more of them than the basis would have vectors, all is computed exactly.
        k: how many; fewer where P is smaller.
        generator: of the first vector, on the CPU.
        tolerance: Lanczos stops at residuals of this size; an eigenvalue's own error is far smaller, of their square
            over the gap to the next.
    """
    small = hessian.size <= SMALL
    k = min(k, hessian.size if small else 5)
    basis = 2 * k + 10 if small else 8
    start = torch.randn(hessian.size, dtype=hessian.params[0].dtype, generator=generator)
    none = start.new_empty(len(start), 0)
    try:
        if hessian.size <= basis:
            rows = [hessian @ e for e in torch.eye(hessian.size, dtype=start.dtype)]
            values, vectors = np.linalg.eigh(torch.stack(rows).numpy())
        else:
            operator = LinearOperator(
                (hessian.size, hessian.size),
                matvec=lambda x: (hessian @ torch.from_numpy(x.reshape(-1))).numpy(),
                dtype=start.numpy().dtype,
            )
            settings = {"ncv": basis, "tol": tolerance, "maxiter": RESTARTS}
            values, vectors = eigsh(operator, k=k, which="LA", v0=start.numpy(), **settings)
        order = np.argsort(values)[::-1][:k].copy()
        pairs, top = torch.from_numpy(vectors)[:, torch.from_numpy(order)], values[order].astype(np.float64)
        rests = [hessian @ v - value * v for value, v in zip(top.tolist(), pairs.T.contiguous(), strict=True)]
        lengths = np.array([float(torch.linalg.vector_norm(rest)) for rest in rests])
        return Eigen(top, lengths / np.maximum(np.abs(top), np.finfo(np.float64).tiny), pairs)
    except FloatingPointError:
        return Eigen(np.full(k, np.nan), np.full(k, np.nan), none)
    except ArpackError:
        # ARPACK refuses a matrix of zeros, which a network of dead units has.
        value = np.nan if (hessian @ start).any() else 0.0
        return Eigen(np.full(k, value), np.full(k, value), none)


def trace(hessian: Hessian, probes: int, generator: torch.Generator, known: Eigen) -> tuple[float, float]:
    """The trace of H: that of the part that `known` spans exactly, the rest from random signs (Hutchinson 1990).

    Returned are an unbiased estimate and its standard error (NaN from a single probe).

    A probe is z with the known eigenvectors taken out, z'Hz its sample: without the largest eigenvalues the samples
    spread far less (Gambhir et al. 2017; Meyer et al. 2021, Hutch++).

    Args:
        probes: how many; each costs a product.
        generator: of the signs, on the CPU.
        known: its pairs, perhaps none.

    Raises:
        FloatingPointError: a product is not finite.
    """
    Q = known.vectors
    samples = np.empty(probes)
    for i in range(probes):
        z = torch.randint(2, (hessian.size,), generator=generator).to(Q.dtype).mul_(2).sub_(1)
        z -= Q @ (Q.T @ z)
        samples[i] = float(torch.dot(z, hessian @ z))
    error = float(samples.std(ddof=1)) / np.sqrt(probes) if probes > 1 else np.nan
    return float(known.values[: Q.shape[1]].sum() + samples.mean()), float(error)
