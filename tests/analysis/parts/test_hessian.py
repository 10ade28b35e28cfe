"""The Hessian's products, eigenvalues and trace against closed forms, in float64."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from samo.analysis.parts.hessian import Eigen, Hessian, largest, trace
from tests.problems import problem


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def dense(hessian: Hessian) -> Tensor:
    return torch.stack([hessian @ e for e in torch.eye(hessian.size, dtype=torch.float64)])


def of_matrix(A: Tensor) -> Hessian:
    """The Hessian of x'Ax / 2 at a random point."""
    x = nn.Parameter(drawn(len(A), seed=9).to(A.dtype))
    return Hessian([lambda: 0.5 * x @ A @ x], [x])


def spectrum(values: list[float], size: int = 60) -> Tensor:
    """A symmetric matrix with these largest eigenvalues, the others spread over [-1, 1]."""
    Q: Tensor = torch.linalg.qr(drawn(size, size, seed=3)).Q
    rest = torch.linspace(-1, 1, size - len(values), dtype=torch.float64)
    return Q @ torch.diag(torch.cat([torch.tensor(values, dtype=torch.float64), rest])) @ Q.T


def test_logistic_regression():
    """sum_n p (1 - p) x x' / n with p = sigmoid(w x)."""
    X, w = drawn(30, 5), nn.Parameter(drawn(5, seed=2))
    y = (drawn(30, seed=3) > 0).double()
    p = torch.sigmoid(X @ w).detach()
    found = Hessian([lambda: F.binary_cross_entropy_with_logits(X @ w, y)], [w])
    expected = X.T @ torch.diag(p * (1 - p)) @ X / 30
    torch.testing.assert_close(dense(found), expected)
    eigen = largest(found, 3, generator())
    np.testing.assert_allclose(eigen.values, torch.linalg.eigvalsh(expected).flip(0)[:3])
    every = largest(found, 20, generator())  # few parameters are done exactly
    np.testing.assert_allclose(every.values, torch.linalg.eigvalsh(expected).flip(0), atol=1e-12)


def test_a_network_as_torch_has_it():
    """Several tensors, a branch a task that the other tasks do not use, and BatchNorm in evaluation mode."""
    case = problem(2, branches=True, batchnorm=True)
    case.network.eval()
    named = dict(case.network.trunk.named_parameters())
    params = list(named.values())

    def loss_of(*values: Tensor) -> Tensor:
        state = {f"trunk.{name}": value for name, value in zip(named, values, strict=True)}
        outputs = torch.func.functional_call(case.network, state, (case.x, [0]))
        return case.losses(outputs, [0])[0]

    blocks = torch.autograd.functional.hessian(loss_of, tuple(p.detach() for p in params))
    expected = torch.cat(
        [torch.cat([b.reshape(p.numel(), -1) for b in row], 1) for p, row in zip(params, blocks, strict=True)]
    )
    hessian = Hessian([lambda: case.closure([0])[0]], params)
    torch.testing.assert_close(dense(hessian), expected)
    assert expected.abs().max() > 0.01


def test_a_loss_that_is_linear_or_does_not_depend_on_the_weights_has_no_curvature():
    x = nn.Parameter(drawn(4))
    for pieces in ([lambda: x.sum()], [lambda: torch.tensor(3.0)], [lambda: x.sum(), lambda: torch.tensor(3.0)]):
        assert not (Hessian(pieces, [x]) @ drawn(4)).any()
    np.testing.assert_allclose(largest(of_matrix(torch.zeros(60, 60).double()), 5, generator()).values, 0)


@pytest.mark.parametrize("small", [10, 1000])
def test_lanczos_finds_the_largest_in_order_and_says_how_well(small, monkeypatch):
    monkeypatch.setattr("samo.analysis.parts.hessian.SMALL", small)
    A = spectrum([9, 7, 5, 4, 3, 2.5])
    eigen = largest(of_matrix(A), 5, generator(), tolerance=1e-3)
    np.testing.assert_allclose(eigen.values, [9, 7, 5, 4, 3], rtol=1e-4)
    assert (eigen.residuals < 1e-3).all()
    torch.testing.assert_close(eigen.vectors.T @ eigen.vectors, torch.eye(5, dtype=torch.float64))


def test_residuals_are_those_of_the_pairs():
    A = spectrum([2, 1.9, 1.8, 1.7, 1.6], size=300)
    eigen = largest(of_matrix(A), 5, generator(), tolerance=0.3)
    lengths = torch.linalg.vector_norm(A @ eigen.vectors - eigen.vectors * torch.tensor(eigen.values), dim=0)
    np.testing.assert_allclose(eigen.residuals, lengths.numpy() / eigen.values, rtol=1e-6)
    assert 0.001 < eigen.residuals.max() < 0.3


def test_what_is_not_finite_is_nan_and_no_guess():
    eigen = largest(of_matrix(torch.full((60, 60), math.inf, dtype=torch.float64)), 5, generator())
    assert np.isnan(eigen.values).all()
    assert eigen.vectors.shape == (60, 0)
    with pytest.raises(FloatingPointError, match="not finite"):
        of_matrix(torch.full((60, 60), math.nan)) @ torch.ones(60)


def test_the_trace_is_within_its_error_which_known_eigenvectors_make_small():
    A = spectrum([90, 70, 50, 40, 30])
    truth, hessian = float(A.trace()), of_matrix(A)
    nothing = Eigen(np.empty(0), np.empty(0), torch.empty(60, 0, dtype=torch.float64))
    errors = {}
    for eigen in (nothing, largest(hessian, 5, generator())):
        found = [trace(hessian, 10, generator(seed), eigen) for seed in range(100)]
        gaps = [(value - truth) / error for value, error in found]
        # Student's t with nine degrees of freedom leaves 2.26 in five of a hundred cases.
        assert 1 <= sum(abs(gap) > 2.26 for gap in gaps) <= 12
        assert abs(np.mean(gaps)) < 0.4
        errors[len(eigen.values)] = found[0][1]
    assert errors[5] < 0.2 * errors[0]
