"""What theory says of the angle between a gradient and its SPSA estimate, where the loss is linear.

The estimate from q directions z_1 … z_q ~ N(0, I_P) is proportional to sum_j (g . z_j) z_j. Choose coordinates in
which g points along the first one, and let a_j = g . z_j / ||g||, a ~ N(0, I_q). The first coordinate of the sum is
then ||g|| ||a||^2, and given a the P - 1 others are ||g|| ||a|| times independent standard normals. With
X = ||a||^2 ~ chi^2_q and Y ~ chi^2_{P-1} independent of it,

    cos = sqrt(X / (X + Y)),    so    cos^2 ~ Beta(q / 2, (P - 1) / 2),

whatever g is. The root of its mean square is sqrt(q / (P + q - 1)); for q = 1 its mean is sqrt(2 / (pi P)) where P is
large. No cosine is negative: the sign of a slope is always right, until the loss is not linear.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from samo.results.metrics import Floats


def mean_cosine(directions: ArrayLike, parameters: ArrayLike) -> Floats:
    """E cos = E chi_q E (1 / chi_{P+q}) of the estimate from q directions in P dimensions, exactly."""
    q, P = np.asarray(directions, float), np.asarray(parameters, float)
    return _mean_chi(q) * _mean_inverse_chi(P + q)


def mean_cosine_by_layer(directions: int, sizes: Sequence[int], gradient: ArrayLike, scale: ArrayLike) -> float:
    """E cos of the estimate after each of its layers was scaled to the norm of g_0's (SAMO's normalisation).

    With rho_d = ||g^d|| / ||g||, layer d's own cosine is N / sqrt(N^2 + Y), Y ~ chi^2_{P_d - 1}, N = rho_d ||a|| plus
    noise of variance 1 - rho_d^2: the other layers' part of the slope is noise to this one. The whole cosine is
    sum_d rho_d ||g_0^d|| / ||g_0|| cos_d. The mean of cos_d is rho_d E chi_q E (1 / chi_n), exactly so with
    n = P_d + q for rho_d = 1 (one layer) and with n = P_d + 2 as rho_d goes to 0; n goes straight between the two in
    rho_d^2 here, which is within 4 % for layers of a handful of parameters, and nearer for larger ones.

    Args:
        directions: q.
        sizes: P_d, [D].
        gradient, scale: norms of g's and of g_0's layers, [D].
    """
    own, other = np.asarray(gradient, float), np.asarray(scale, float)
    if not own.any() or not other.any():
        return 0.0
    shares, weights = own / np.linalg.norm(own), other / np.linalg.norm(other)
    freedom = np.asarray(sizes, float) + 2 + shares**2 * (directions - 2)
    return float(_mean_chi(directions) * np.sum(weights * shares**2 * _mean_inverse_chi(freedom)))


def _mean_chi(n: Floats | int) -> Floats:
    return np.asarray(np.sqrt(2) * np.exp(gammaln((n + 1) / 2) - gammaln(n / 2)))


def _mean_inverse_chi(n: Floats) -> Floats:
    return np.asarray(np.exp(gammaln((n - 1) / 2) - gammaln(n / 2)) / np.sqrt(2))
