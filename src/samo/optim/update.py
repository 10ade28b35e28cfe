"""One multi-task update for any aggregator and any sharpness, to drop into anybody's training loop."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchjd.aggregation import Aggregator
from torchjd.scalarization import FAMO, Scalarizer

from samo.aggregation import Decomposition, check_tasks, load_state, make, state
from samo.optim import streams
from samo.optim.collect import set_aside
from samo.optim.history import Memory
from samo.optim.layers import select_layers
from samo.optim.parameters import Part, Parts
from samo.optim.passes import Closure, Passes
from samo.optim.process_group import Group, Ranks
from samo.optim.sharpness import Sharpness, preset
from samo.optim.step import Step
from samo.optim.sync_batchnorm import synchronise


class MultiTaskUpdate:
    """Fills `.grad` of a trunk and its heads, in the place of `loss.backward()`.

        update = MultiTaskUpdate(trunk, heads, aggregator="fairgrad", sharpness=preset("samo", rho=0.05))
        losses = update.backward(lambda tasks: [loss of each of these tasks])
        optimizer.step()

    The trunk gets the aggregator's direction, without further factors. A head gets its own loss's gradient; under a
    scalariser, that of the scalarised loss. A scalariser sees the losses of the step's first pass, once, and its
    derivative in each of them weighs the perturbed gradients: it never pays for K gradients, and its state moves
    once a step. Since these weights tell tasks apart, not a loss from its flatness, all of F-MTL's decompositions
    are then the direct one.

    Args:
        trunk: the shared module, or its parameters. Frozen ones are left alone.
        heads: one module, or the parameters, a task; head i belongs to loss i alone, and may be empty.
        aggregator: a name (`samo.aggregation.NAMES`), or an object of TorchJD's: an Aggregator of J [K, P] or a
            Scalarizer of the losses [K].
        sharpness: how the weights are perturbed; not at all by default.
        generator: the source of random directions and of the aggregator's draws, never the global stream; by
            default a generator of its own, seeded with 0.
        network: the modules whose mode and buffers the perturbed passes must leave alone; needed where trunk or
            heads are given as parameters and the network has BatchNorm, dropout or other buffers.
        group: the processes that take each step together, one replica of the network and one equal share of the batch
            each (torchrun's are `torch.distributed.group.WORLD`); None for this process alone. Losses, probe losses
            and gradients are averaged over them before anything is made of them, and random directions and an
            aggregator's draws are the same on all: with losses that are means over examples, every rank makes the step
            that one process makes on the whole batch. Dropout masks are each rank's own. Running statistics are
            averaged, so that replicas stay alike. Wrap nothing in DistributedDataParallel.
        sync_batchnorm: whether BatchNorm takes its batch statistics over all ranks, so that the step is the whole
            batch's there, too (its modules are changed where they stand); otherwise over each rank's own share.

    Raises:
        ValueError: a parameter in two of the parts, an empty trunk or no head, layers that match nothing, or an
            aggregator made for another number of tasks.
    """

    def __init__(
        self,
        trunk: Part,
        heads: Iterable[Part],
        *,
        aggregator: Aggregator | Scalarizer | str = "ls",
        sharpness: Sharpness | None = None,
        generator: torch.Generator | None = None,
        network: nn.Module | None = None,
        group: Group | None = None,
        sync_batchnorm: bool = False,
    ) -> None:
        self.parts = Parts(trunk, heads, network)
        self.sharpness = preset("none") if sharpness is None else sharpness
        self.generator = torch.Generator().manual_seed(0) if generator is None else generator
        K = self.parts.tasks
        made = make(aggregator, tasks=K) if isinstance(aggregator, str) else aggregator
        self.aggregator = made.to(self.parts.device, self.parts.dtype)
        check_tasks(self.aggregator, K)
        self.conflict: Tensor | None = None
        """Pairwise cosines [K, K] of the rows that the last step aggregated (F-MTL: of the loss gradients); None
        where the step did not have them: under a scalariser, or an aggregator that takes no Gramian."""
        self._method = (
            self.aggregator
            if isinstance(self.aggregator, Scalarizer)
            else Decomposition(self.aggregator, self.sharpness.decompose, K)
        )
        self._layers = frozenset(select_layers(self.parts.names, self.sharpness.layers, self.generator))
        self._memory = Memory()
        if group is not None and sync_batchnorm:
            synchronise(self.parts.modules, group)
        self._ranks = Ranks(group)
        self._checked = group is None
        self._steps = 0
        self._awaits: streams.State | None = None

    def backward(self, closure: Closure) -> Tensor:
        """One step's gradients, added to `.grad` of the trunk, the heads and a scalariser's learned weights.

        The first pass is an ordinary forward pass: it draws from the global random stream and moves BatchNorm's
        statistics. Everything else leaves weights, buffers, modes and the global stream bit for bit as that pass
        left them, also when the closure raises; `.grad` is then as it was.

        Args:
            closure: asked for tasks (indices into `heads`), gives their losses in that order, as a list or a tensor
                [len(tasks)]. Called several times a step, with different tasks; a list lets each task's gradient
                run through its own branch alone. Autocast and the choice of inputs by task are the closure's.

        Returns:
            The losses at the weights before the step, [K], detached (at the perturbed weights for a sharpness that
            makes no clean pass: `along` momentum or previous).

        Raises:
            ValueError: the closure gives another number of losses than asked, none depends on the weights, or the
                ranks of the group start apart in weights, generator or the update's own state.
            FloatingPointError: a loss, clean or perturbed, is NaN or infinite; the message names the task.
            RuntimeError: famo, and `after_step` was not called since the last step.
        """
        if self._awaits is not None:
            raise RuntimeError("famo learns from the losses after a step: call update.after_step(closure) after it")
        parts = self.parts.trainable()
        self._check_ranks()
        passes = Passes(closure, self.parts.modules, self.parts.device, self._ranks)
        step = Step(self.sharpness, parts, passes, self._layers, self._method, self._memory, self.generator)
        with set_aside([*parts.trunk, *parts.all_heads, *self.parameters()]):
            losses = step.take(sharp=self.sharpness.moves and self._steps % self.sharpness.every == 0)
        self.conflict = step.conflict
        self._steps += 1
        if isinstance(self.aggregator, FAMO):
            self._awaits = passes.before
        return losses

    def after_step(self, closure: Closure) -> None:
        """For aggregators that learn from what a step did: FAMO evaluates the batch again at the new weights.

        Call it after `optimizer.step()` with the closure of that step; it does nothing for the other aggregators.
        The pass is made without gradients, with the random state of the step's first pass, and leaves no trace.
        """
        if not isinstance(self.aggregator, FAMO):
            return
        if self._awaits is None:
            raise RuntimeError("after_step needs a step: call update.backward(closure) first")
        passes = Passes(closure, self.parts.modules, self.parts.device, self._ranks)
        with passes.without_trace():
            passes.before = self._awaits
            tasks = range(self.parts.tasks)
            losses = passes.probe(tasks, running=False)
        passes.check_finite(losses, tasks)
        self.aggregator.update(losses)
        self._awaits = None

    def parameters(self) -> Iterator[nn.Parameter]:
        """The weights that a scalariser learns by gradient (uw, imtl-l): give them to an optimiser."""
        # FAMO's logits are stepped by its own optimiser.
        if isinstance(self.aggregator, Scalarizer) and not isinstance(self.aggregator, FAMO):
            yield from self.aggregator.parameters()

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs beside the network's and the optimiser's states."""
        return {
            "steps": self._steps,
            "generator": self.generator.get_state(),
            "memory": self._memory.state_dict(),
            "aggregators": [state(aggregator) for aggregator in self._aggregators],
            "awaits": self._awaits,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` gave.

        Raises:
            ValueError: it is the state of another aggregator, or of one for another number of tasks.
        """
        if len(state_dict["aggregators"]) != len(self._aggregators):
            raise ValueError("the state is that of another decomposition")
        for aggregator, kept in zip(self._aggregators, state_dict["aggregators"], strict=True):
            load_state(aggregator, kept)
        self._steps = state_dict["steps"]
        self.generator.set_state(state_dict["generator"].cpu())
        self._memory.load_state_dict(state_dict["memory"])
        self._awaits = state_dict["awaits"]
        self._checked = self._ranks.group is None

    def _check_ranks(self) -> None:
        """Once at the start, and after a state was loaded: from equal starts equal steps follow."""
        if self._checked:
            return
        own = self.state_dict()
        statistics = [b for m in self.parts.modules for b in m.buffers(recurse=False)]
        weights = [*self.parts.trunk, *(p for head in self.parts.heads for p in head)]
        self._ranks.check_alike(
            {
                "the weights": weights,
                "the buffers": statistics,
                "the update's generator": own["generator"],
                "the update's state": [own["steps"], own["memory"], own["aggregators"]],
            },
            self.parts.device,
        )
        self._checked = True

    @property
    def _aggregators(self) -> Sequence[nn.Module]:
        return self._method.aggregators if isinstance(self._method, Decomposition) else [self._method]
