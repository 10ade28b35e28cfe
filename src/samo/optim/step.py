"""The order of events in one step."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torchjd.aggregation import Aggregator
from torchjd.scalarization import Scalarizer

from samo.aggregation import Decomposition, combine, loss_weights
from samo.optim import streams
from samo.optim.collect import Collector, Gradient, Jacobian, Rows, WeightedSum, mean_gradient
from samo.optim.cosines import cosines
from samo.optim.history import Memory, running_mean
from samo.optim.jacobian import as_rows
from samo.optim.parameters import Trainable
from samo.optim.passes import Passes, detached
from samo.optim.perturbation import Point, Vector, add_flat_, heads_to_balls_, orthogonal_part, to_ball_
from samo.optim.points import Clean, perturbed_points
from samo.optim.sharpness import Sharpness


class Step:
    """One step's gradients, left in `.grad`; `conflict` is what the aggregator's Gramian told, or None."""

    def __init__(
        self,
        sharpness: Sharpness,
        parts: Trainable,
        passes: Passes,
        layers: frozenset[int],
        method: Scalarizer | Decomposition,
        memory: Memory,
        generator: torch.Generator,
    ) -> None:
        self.sharpness = sharpness
        self.parts = parts
        self.passes = passes
        self.layers = layers
        self.method = method
        self.memory = memory
        self.generator = generator
        self.conflict: Tensor | None = None

    @torch.no_grad()
    def take(self, *, sharp: bool) -> Tensor:
        """The step, perturbed or plain; returns the losses of its first pass, [K]."""
        s = self.sharpness
        if sharp and s.from_history:
            losses = self._at_remembered_point()
        elif sharp:
            losses = self._at_perturbed_points()
        else:
            losses = self._at_one_point()
            if s.moves and s.every > 1 and s.reuse > 0 and self.memory.has("flat"):
                self._reuse_flat()
        if s.from_history and s.moves:
            self._remember_direction()
        return losses

    def _at_one_point(self) -> Tensor:
        """One forward pass where the weights are."""
        tasks = range(len(self.parts.heads))
        losses, values = self.passes.first(tasks)
        collector = self._collector(values)
        collector.add(losses, tasks)
        collector.finish()
        return values

    def _at_remembered_point(self) -> Tensor:
        """The one pass, at a point that the steps before chose."""
        s, trunk = self.sharpness, self.parts.trunk
        eps = list(torch._foreach_neg(self.memory.get(s.along, self.parts.names, trunk)))
        to_ball_(eps, trunk, s.rho, adaptive=s.adaptive, ball=s.ball)
        with Point(trunk).displaced(eps):
            return self._at_one_point()

    def _at_perturbed_points(self) -> Tensor:
        """A clean pass, then one pass for each group of tasks that share a perturbation."""
        s, parts, ranks = self.sharpness, self.parts, self.passes.ranks
        tasks = range(len(parts.heads))
        losses, values = self.passes.first(tasks)
        collector = self._collector(values)
        row = None
        if s.needs_local and s.estimator == "exact":
            rows = collector if isinstance(collector, Rows) else Jacobian(parts.trunk, parts.heads, ranks)
            own = _flattened(rows.fill(losses, tasks), parts.all_heads)
            g0, row = as_rows(rows.J.mean(0), parts.trunk), rows.row
            if isinstance(rows, Rows):
                rows.decompose()
        else:
            both = mean_gradient(losses, [*parts.trunk, *parts.all_heads])
            ranks.average_(both)
            g0, own = both[: len(parts.trunk)], both[len(parts.trunk) :]  # a head's length does not matter
        del losses  # the clean graph is not needed any more
        mean = self.memory.get("deviation", parts.names, g0) if s.along == "deviation" else None
        lead = g0 if s.needs_local else _lead(g0, mean, s.decay)

        theta, heads = Point(parts.trunk), Point(parts.all_heads)
        head_eps = self._head_perturbations(own, heads.home)
        which = [n for n, position in enumerate(parts.positions) if position in self.layers]
        with self.passes.without_trace():
            seen: list[tuple[Sequence[int], Tensor]] = []
            clean = Clean(values, lead, row)
            for group, eps in perturbed_points(s, self.passes, theta, which, clean, self.generator):
                members = set(group)
                mine = [n for n, i in enumerate(parts.owner) if i in members]
                with theta.displaced(eps), heads.displaced([head_eps[n] for n in mine], which=mine):
                    eps.clear()  # it is in the weights now: the pass may have its memory
                    perturbed = self.passes.again(group)
                    collector.add(perturbed, group)
                seen.append((group, detached(perturbed)))
                del perturbed
        perturbed_losses = ranks.mean(torch.cat([part for _, part in seen]))
        self.passes.check_finite(perturbed_losses, [i for group, _ in seen for i in group])
        collector.finish()
        if mean is not None:
            self.memory.keep("deviation", parts.names, running_mean(mean, g0, s.decay))
        if s.every > 1 and s.reuse > 0:
            self._remember_flat(g0, own)
        return values

    def _collector(self, losses: Tensor) -> Collector:
        parts = self.parts
        if isinstance(self.method, Decomposition):
            return Rows(parts.trunk, parts.heads, self.method, self._combine, self.passes.ranks)
        with streams.drawing_from(self._draw_seed(), losses.device):
            return WeightedSum(parts.trunk, parts.heads, loss_weights(self.method, losses), self.passes.ranks)

    def _combine(self, aggregator: Aggregator, J: Tensor) -> Tensor:
        with streams.drawing_from(self._draw_seed(), J.device):
            direction, gramian = combine(aggregator, J)
        over_tasks = isinstance(self.method, Decomposition) and aggregator is self.method.over_tasks
        if gramian is not None and over_tasks and self.conflict is None:
            self.conflict = cosines(gramian)
        return direction

    def _draw_seed(self) -> int:
        return streams.seeds(1, self.generator)[0]

    def _head_perturbations(self, own: Vector, theta: Vector) -> Vector:
        """Each head's exact gradient in its own ball, as one list; `own` is not touched."""
        s, parts = self.sharpness, self.parts
        eps = [g.clone() for g in own]
        if eps:
            owner = torch.tensor(parts.owner, device=eps[0].device)
            heads_to_balls_(eps, theta, owner, len(parts.heads), s.head_radius, s.adaptive)
        return eps

    def _remember_direction(self) -> None:
        s, names, trunk = self.sharpness, self.parts.names, self.parts.trunk
        applied = [p.grad for p in trunk]
        if s.along == "previous":
            self.memory.keep("previous", names, [None if g is None else g.clone() for g in applied])
        else:
            mean = self.memory.get("momentum", names, trunk)
            self.memory.keep("momentum", names, running_mean(mean, applied, s.decay))

    def _balls(self) -> Iterator[tuple[str, list[str], list[Tensor], slice]]:
        """The trunk, then every head with weights: a key, names, parameters, and the place in `all_heads`."""
        yield "flat", self.parts.names, self.parts.trunk, slice(0)
        end = 0
        for i, head in enumerate(self.parts.heads):
            start, end = end, end + len(head)
            if head:
                yield f"flat of head {i}", [str(n) for n in range(len(head))], head, slice(start, end)

    def _remember_flat(self, g0: Vector, own: Vector) -> None:
        """Keep what the perturbation added across the clean gradient, for the trunk and for every head."""
        for key, names, params, place in self._balls():
            clean = g0 if key == "flat" else own[place]
            perturbed = [torch.zeros_like(p) if p.grad is None else p.grad for p in params]
            self.memory.keep(key, names, orthogonal_part(perturbed, clean))

    def _reuse_flat(self) -> None:
        """Add to a plain step's gradients what was kept (LookSAM)."""
        for key, names, params, _ in self._balls():
            flat = self.memory.get(key, names, params)
            used = [(p.grad, part) for p, part in zip(params, flat, strict=True) if p.grad is not None]
            if used:
                add_flat_([g for g, _ in used], [part for _, part in used], self.sharpness.reuse)


def _flattened(grads: Sequence[Gradient], params: Sequence[Tensor]) -> Vector:
    """The heads' gradients in one list, zeros for what a loss does not use."""
    flat = [g for own in grads for g in own]
    return [torch.zeros_like(p) if g is None else g for g, p in zip(flat, params, strict=True)]


def _lead(g0: Vector, mean: Vector | None, decay: float) -> Vector:
    """A copy of g_0, or g_0 minus its running mean once that has taken g_0 in (Friendly-SAM, equations 8 and 9)."""
    if mean is None:
        return [g.clone() for g in g0]
    deviation = list(torch._foreach_sub(g0, mean))
    torch._foreach_mul_(deviation, decay)
    return deviation
