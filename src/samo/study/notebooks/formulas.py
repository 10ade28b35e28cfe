"""A method as formulas, for the notebook that trains it."""

import re

from IPython.display import Markdown

from samo.optim.sharpness import Sharpness

AGGREGATORS = {
    "ls": "the mean of the task gradients (linear scalarisation, LS)",
    "mgda": "the shortest vector between the task gradients (MGDA)",
    "pcgrad": "the sum of the task gradients, each without its part against another (PCGrad)",
    "cagrad": "the direction near the mean that helps the worst task most (CAGrad)",
    "imtl_g": "the direction with equal projections on all task gradients (IMTL-G)",
    "fairgrad": "the direction that is alpha-fair in the tasks' gains (FairGrad)",
}
LINES = {
    "gradient": r"g_0 = \frac{1}{K} \sum_i \nabla \ell_i(\theta)",
    "deviation": r"g_0 = \frac{1}{K} \sum_i \nabla \ell_i(\theta) - \overline{g}",
    "momentum": r"g_0 = \pm m, \quad m \text{ the running mean of applied directions}",
    "previous": r"g_0 = \pm d_{t-1}, \quad d_{t-1} \text{ the direction applied before}",
}
DECOMPOSED = {
    "direct": "M(s_1, \\ldots, s_K)",
    "separate": "\\bigl[ M(g_1, \\ldots, g_K) + M(s_1 - g_1, \\ldots, s_K - g_K) \\bigr]",
    "second": "M\\bigl(M(g_1, \\ldots, g_K),\\; M(s_1 - g_1, \\ldots, s_K - g_K)\\bigr)",
    "each": "M\\bigl(M(g_1, s_1 - g_1), \\ldots, M(g_K, s_K - g_K)\\bigr)",
}
ESTIMATES = {
    "exact": r"\hat g_i = \nabla \ell_i(\theta)",
    "remembered": r"\hat g_i = \nabla \ell_i \text{ as the step before found it}",
    "random": r"\hat g_i = \pm z_i \text{ by a coin}, \quad z_i \sim N(0, I)",
}
PROBE = r"\hat g_i = \frac{\ell_i(\theta + \mu z) - \ell_i(\theta - \mu z)}{2 \mu} \, z, \quad z \sim N(0, I)"
NORMALISED = {
    "layer": r"\qquad \hat g_i^d \leftarrow \hat g_i^d \, \frac{\lVert g_0^d \rVert}{\lVert \hat g_i^d \rVert}",
    "global": r"\qquad \hat g_i \leftarrow \hat g_i \, \frac{\lVert g_0 \rVert}{\lVert \hat g_i \rVert}",
    "none": "",
}


def formulas(sharpness: Sharpness, aggregator: str, *, separate: bool = False) -> Markdown:
    """A step of the method, from the perturbation to the optimiser's direction; `separate` networks are STL's."""
    lines = _perturbation(sharpness) if sharpness.moves else []
    direction, gradients = DECOMPOSED[sharpness.decompose], r"g_i = \nabla \ell_i(\theta)"
    if not lines:
        direction = direction.replace("s_", "g_")
    else:
        own = "0" if sharpness.scope == "global" else "i"
        exact = rf", \quad {gradients}" if sharpness.decompose != "direct" else ""
        gradients = rf"s_i = \nabla \ell_i(\theta + \epsilon_{own}){exact}"
    lines.append(rf"{gradients} \qquad \theta \leftarrow \theta - \eta \, {direction}")
    words = f"$M$ is {AGGREGATORS.get(aggregator, aggregator)}."
    if separate:
        words = "One network for every task: nothing is shared, so that each moves by its own gradient."
    return Markdown("\n\n".join([*(f"$${line}$$" for line in lines), words, _remark(sharpness)]).strip())  # type: ignore[no-untyped-call]


def _perturbation(s: Sharpness) -> list[str]:
    if s.scope == "global":
        lead = LINES[s.along].replace(r"\pm ", "-" if s.sign < 0 else "")
        return [rf"{lead} \qquad \epsilon_0 = \rho \, \frac{{g_0}}{{\lVert g_0 \rVert}}"]
    probe = PROBE if s.noise == "shared" else re.sub(r"\bz\b", "z_i", PROBE)
    estimate, mixed = ESTIMATES.get(s.estimator, probe), r"v_i = \hat g_i"
    if s.scope == "joint":
        estimate += NORMALISED[s.normalise]
        mixed = r"v_i = \alpha \, g_0 + (1 - \alpha) \, \hat g_i"
    return [estimate, rf"{mixed} \qquad \epsilon_i = \rho \, \frac{{v_i}}{{\lVert v_i \rVert}}"]


def _remark(s: Sharpness) -> str:
    if not s.moves:
        return ""
    if s.scope != "joint":
        return "$\\rho$ is the radius of the perturbation."
    alpha = "_i = (1 + \\cos(m_i, g_0)) / 2" if s.adapts else f" = {s.alpha:g}"
    more = "; layers that are not sampled get $\\alpha g_0$ alone" if s.layers != "all" else ""
    return (
        f"$g_0$ is the gradient of the mean loss, $\\rho$ the radius of the perturbation, $\\alpha{alpha}$ the "
        f"weight of $g_0$, $d$ a layer{more}."
    )
