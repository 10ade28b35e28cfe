"""One multi-task update for any aggregator and any sharpness, to drop into any training loop."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchjd.aggregation import Aggregator
from torchjd.scalarization import FAMO, Scalarizer

from samo.aggregation import check_tasks, make
from samo.optim import random_state
from samo.optim.closures import Closure, TaskLosses
from samo.optim.gradients import Decomposition
from samo.optim.layers import select_layers
from samo.optim.parameters import Heads, Part, TrunkAndHeads, fresh_grads, spoil, widest
from samo.optim.process_group import Group, Ranks, synchronise
from samo.optim.sharpness import Sharpness, preset
from samo.optim.step import Method, Record, step

STATE_VERSION = 2
"""Of what `state_dict` gives; another one is refused."""


class MultiTaskUpdate:
    """Fills `.grad` of a trunk and its heads, in place of `loss.backward()`.

        update = MultiTaskUpdate(trunk, heads, aggregator="fairgrad", sharpness=preset("samo", rho=0.05))
        losses = update.backward(lambda tasks: [loss of each of these tasks])
        optimizer.step()

    The trunk gets the aggregator's direction, without further factors. A head gets its own loss's gradient; under a
    scalariser, that of the scalarised loss. A scalariser sees the losses of the step's first pass, once, and its
    derivative with respect to each weighs the perturbed gradients: it never pays for K gradients. As these weights
    distinguish tasks, but not a loss from its flatness, all of F-MTL's decompositions then equal the direct one.

    Args:
        trunk: the shared module, or its parameters. Frozen ones are left alone. A weight that a head also holds is
            the trunk's.
        heads: one module, or the parameters, per task; head i belongs to loss i alone, and may be empty. A dict or
            nn.ModuleDict names the tasks; otherwise they are numbers from 0.
        aggregator: a name (`samo.aggregation.NAMES`), or an object of TorchJD's: an Aggregator of J [K, P] or a
            Scalarizer of the losses [K].
        sharpness: how the weights are perturbed, or the name of a preset; by default not at all.
        generator: the source of random directions and of the aggregator's draws, never the global generator. By
            default one that is seeded from the state of the global one, without drawing from it.
        network: the modules whose mode and buffers the perturbed passes must leave alone; needed where the closure
            runs modules that are in neither trunk nor heads (a frozen stem, the base of adapters), or these are given
            as parameters, and any has BatchNorm, dropout or other buffers.
        group: the processes that take each step together, one replica of the network and one equal share of the batch
            each; with losses that are means over examples, every rank makes the step that one process would make on the
            whole batch. Wrap nothing in DistributedDataParallel.
        sync_batchnorm: whether BatchNorm takes its batch statistics over all ranks (its modules are changed in place),
            or over each rank's own share.
        raise_nonfinite: whether a gradient that is not finite is an error. By default no further pass is made, nothing
            of it is remembered, `last.finite` is False, and each weight's `.grad` shows it or is NaN, so that a scaler
            skips the optimiser of every part; without one, make a step only if `last.finite`.

    Raises:
        ValueError: a parameter in two heads, no trunk or head, layers that match nothing, an aggregator of another K.
    """

    def __init__(
        self,
        trunk: Part,
        heads: Heads,
        *,
        aggregator: Aggregator | Scalarizer | str = "ls",
        sharpness: Sharpness | str | None = None,
        generator: torch.Generator | None = None,
        network: nn.Module | None = None,
        group: Group | None = None,
        sync_batchnorm: bool = False,
        raise_nonfinite: bool = False,
    ) -> None:
        self.network = TrunkAndHeads(trunk, heads, network)
        self.sharpness = (
            sharpness if isinstance(sharpness, Sharpness) else preset("none" if sharpness is None else sharpness)
        )
        self.generator = random_state.generator_like_the_global() if generator is None else generator
        self.raise_nonfinite = raise_nonfinite
        K = len(self.network.tasks)
        made = make(aggregator, tasks=K) if isinstance(aggregator, str) else aggregator
        self.aggregator = M = made.to(self.network.device, widest(self.network.trunk.values()))
        check_tasks(M, K)
        self.last: Record | None = None
        """What the last step found; None before the first."""
        self._method = Method(
            sharpness=self.sharpness,
            combine=M if isinstance(M, Scalarizer) else Decomposition(M, self.sharpness, K, self.generator),
            layers=frozenset(select_layers(list(self.network.trunk), self.sharpness.layers, self.generator)),
            tasks=K,
            generator=self.generator,
        )
        if group is not None and sync_batchnorm:
            synchronise(self.network.modules, group)
        self._ranks = Ranks(group)
        self._replay = random_state.MaskReplay(self.network.parts)
        self._alike = group is None
        self._complete = False
        self._awaits: tuple[list[int], random_state.State] | None = None

    def backward(
        self, closure: Closure, *, tasks: Iterable[Any] | None = None, scaler: torch.amp.GradScaler | None = None
    ) -> Tensor:
        """One step's gradients, added to `.grad` of the trunk, the heads and a scalariser's learned weights.

        The first pass is an ordinary forward pass: it draws from the global generators and moves BatchNorm's
        statistics. Everything else leaves weights, buffers, modes and the global generators bit for bit as that pass
        left them, also when the closure raises; `.grad` is then as it was. An autocast around the call holds inside
        the closure alone.

        Args:
            closure: asked for tasks (names, or indices into `heads`), gives their losses: in that order as a list or
                a tensor [len(tasks)], or as a dict with just these tasks. Called several times per step, with different
                tasks; a list or dict lets each task's gradient run through its own branch alone. The first call may
                give None for a task that has no label this time: it is left out of the step.
            tasks: those that take part in this step; all by default.
            scaler: of fp16 training. The closure's losses are then multiplied by its scale, their gradients divided
                by it before anything is made of them, and `.grad` is scaled, as `scaler.step` expects it.

        Returns:
            The losses at the weights before the step, [K], detached, not scaled, NaN for a task left out (at the
            perturbed weights for a sharpness that makes no clean pass: `along` momentum or previous).

        Raises:
            ValueError: the closure gives losses of other tasks than asked, none depends on the weights, one does on a
                parameter in neither trunk nor heads or in a reentrant checkpoint, a gradient is sparse, 16-bit weights
                round a perturbation off, the aggregator cannot leave a task out, or the ranks start differently.
            TypeError: a loss that is not a tensor.
            FloatingPointError: a loss is NaN or infinite though its gradient is finite, or that of a probe is; the
                message names the task. With `raise_nonfinite` also where a gradient is not finite.
            RuntimeError: the aggregator is famo, and `after_step` was not called since the last step.
        """
        if self._awaits is not None:
            raise RuntimeError("famo learns from the losses after a step: call update.after_step(closure) after it")
        network = self.network
        net = network.trainable().only(network.places(network.tasks if tasks is None else tasks))
        self._check_ranks()
        # A scaler's scale exists once something was scaled.
        scale = 1.0 if scaler is None else float(scaler.scale(torch.ones((), device=network.device)))
        losses = self._losses(closure, net.tasks, scale)
        filled = [*net.shared, *net.own, *self.parameters()]
        with losses.autocast(False), fresh_grads(filled):
            record = step(self._method, net, losses)
            if not record.finite:
                spoil(filled)
            elif scale != 1:  # a scalariser sees the losses without the scale
                for p in self.parameters():
                    p.grad = None if p.grad is None else p.grad * scale
        self._complete = True
        places = network.places(losses.tasks)
        self.last = record.widened(places, len(network.tasks))
        if isinstance(self.aggregator, FAMO) and record.finite:
            self._awaits = places, losses.before
        return self.last.losses

    def step(
        self,
        closure: Closure,
        optimizer: torch.optim.Optimizer,
        *,
        tasks: Iterable[Any] | None = None,
        scaler: torch.amp.GradScaler | None = None,
    ) -> Tensor:
        """A whole training step: empty `.grad`, `backward`, the optimiser's step, `after_step`.

        The optimiser (of the weights of trunk, heads and `parameters()`) makes no step where a gradient is not finite
        (`last.finite`); with a scaler, the scaler decides, and `scaler.update()` is called.

        Returns:
            The losses before the step, [K].
        """
        optimizer.zero_grad()
        losses = self.backward(closure, tasks=tasks, scaler=scaler)
        if scaler is not None:
            scaler.step(optimizer)
            scaler.update()
        elif self.last is not None and self.last.finite:
            optimizer.step()
        self.after_step(closure)
        return losses

    def after_step(self, closure: Closure) -> None:
        """For aggregators that learn from what a step did: FAMO evaluates the batch again at the new weights.

        Call it after `optimizer.step()` with the closure of that step; it does nothing for the other aggregators.
        The pass is made without gradients, with the random state of the step's first pass; it leaves no trace. After a
        step that was not finite nothing is learned.

        Raises:
            FloatingPointError: a loss is NaN or infinite; the message names the task.
            RuntimeError: the aggregator is famo, and there was no step.
        """
        if not isinstance(self.aggregator, FAMO):
            return
        if self._awaits is None:
            if self.last is not None and not self.last.finite:
                return
            raise RuntimeError("after_step needs a step: call update.backward(closure) first")
        places, before = self._awaits
        losses = self._losses(closure, places, 1.0)
        losses.before = before
        with losses.autocast(False), losses.without_trace():
            values = losses.values(range(len(places)))
            losses.check(values, range(len(places)))
            self.aggregator.update(values)
        self._awaits = None

    def parameters(self) -> Iterator[nn.Parameter]:
        """The weights that a scalariser learns by gradient (uw, imtl-l): give them to an optimiser."""
        # FAMO's logits are stepped by its own optimiser.
        if isinstance(self.aggregator, Scalarizer) and not isinstance(self.aggregator, FAMO):
            yield from self.aggregator.parameters()

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs beside the network's and the optimiser's states: all that the next step reads."""
        return {"version": STATE_VERSION, "awaits": self._awaits, **self._method.state_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` gave, on whatever device that was.

        Raises:
            ValueError: it was saved by another version, or with another aggregator, trunk or number of tasks.
        """
        if state_dict.get("version") != STATE_VERSION:
            version = state_dict.get("version", 1)
            raise ValueError(f"the update's state is of version {version}, this code reads {STATE_VERSION}: start anew")
        self._method.load_state_dict(state_dict, self.network.trunk, self.network.device)
        self._awaits = state_dict["awaits"]
        self._alike = self._ranks.group is None

    def _losses(self, closure: Closure, places: Sequence[int], scale: float) -> TaskLosses:
        network = self.network
        return TaskLosses(
            closure,
            [network.tasks[n] for n in places],
            network.modules,
            network.device,
            ranks=self._ranks,
            replay=self._replay,
            scale=scale,
            owned=None if self._complete else network.all,
            strict=self.raise_nonfinite,
        )

    def _check_ranks(self) -> None:
        """Once at the start, and after a state was loaded: from equal starts equal steps follow."""
        if self._alike:
            return
        own = self._method.state_dict()
        things = {
            "the weights": self.network.all,
            "the buffers": [b for m in self.network.modules for b in m.buffers(recurse=False)],
            "the update's generator": own["generator"],
            "the update's state": [own["steps"], own["history"], own["aggregators"]],
        }
        self._ranks.check_alike(things, self.network.device)
        self._alike = True
