"""What real training loops bring along, for every preset with a scalariser and an aggregator.

SAMO_TEST_DEVICE names the device; without it the CPU.
"""

import copy
import os
import pickle
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from samo import PRESETS, MultiTaskUpdate, preset
from tests.problems import grads, same

DEVICE = torch.device(os.environ.get("SAMO_TEST_DEVICE", "cpu"))
AGGREGATORS = ("ls", "mgda")
every_preset = pytest.mark.parametrize("name", PRESETS)
every_step = pytest.mark.parametrize(("name", "aggregator"), list(product(PRESETS, AGGREGATORS)))


class Net(nn.Module):
    """A trunk with what makes passes hard, and two heads."""

    def __init__(self, *between: nn.Module, in_head: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.trunk = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), *between)
        self.heads = nn.ModuleList(nn.Sequential(nn.Dropout(in_head), nn.Linear(8, 1)) for _ in range(2))
        x = torch.randn(2, 16, 6, generator=torch.Generator().manual_seed(1))
        self.x = x.to(DEVICE)
        self.seen: list[dict[int, float]] = []
        self.to(DEVICE)

    def losses(self, tasks: Sequence[int]) -> list[Tensor]:
        """Both tasks on one pass of the trunk."""
        features = self.trunk(self.x[0])
        return self._seen(tasks, [(self.heads[i](features).float() - i).square().mean() for i in tasks])

    def apart(self, tasks: Sequence[int]) -> list[Tensor]:
        """An input per task, of different batch sizes."""
        inputs = (self.x[0], self.x[1, :10])
        return self._seen(tasks, [(self.heads[i](self.trunk(inputs[i])).float() - i).square().mean() for i in tasks])

    def _seen(self, tasks: Sequence[int], found: list[Tensor]) -> list[Tensor]:
        self.seen.append({i: loss.item() for i, loss in zip(tasks, found, strict=True)})
        return found

    def update(self, aggregator: str = "mgda", name: str = "samo", **fields: Any) -> MultiTaskUpdate:
        torch.manual_seed(2)
        fields = {} if name == "none" else fields
        return MultiTaskUpdate(self.trunk, self.heads, aggregator=aggregator, sharpness=preset(name, **fields))


def every_second(name: str) -> dict[str, Any]:
    """Plain steps between, where the preset has other ones."""
    return {} if PRESETS[name].from_history else {"every": 2}


@every_preset
def test_autocast_around_the_step_is_autocast_in_the_closure(name: str) -> None:
    for aggregator, dtype in (("ls", torch.bfloat16), ("mgda", torch.float16)):
        found = []
        for around in (False, True):
            net = Net()

            def inside(tasks: Sequence[int], net: Net = net, dtype: torch.dtype = dtype) -> list[Tensor]:
                with torch.autocast(DEVICE.type, dtype):
                    return net.losses(tasks)

            update = net.update(aggregator, name, rho=1.0)
            for _ in range(2):
                net.zero_grad()
                with torch.autocast(DEVICE.type, dtype, enabled=around):
                    update.backward(net.losses if around else inside)
            found.append((net.seen, grads(net)))
        assert found[0][0] == found[1][0]
        same(found[0][1], found[1][1])
        assert all(g is not None and g.dtype == torch.float32 and g.isfinite().all() for g in found[0][1])


@every_preset
def test_a_gradient_scaler_changes_nothing_but_the_scale(name: str) -> None:
    """Several steps, so that what is remembered is seen to be without the scale, too."""
    for aggregator in ("ls", "fairgrad"):  # fairgrad's direction is not linear in the losses' scale
        found = []
        for scaled in (False, True):
            net = Net()
            scaler = torch.amp.GradScaler(DEVICE.type, init_scale=1024.0, enabled=scaled)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
            update = net.update(aggregator, name, **every_second(name))
            losses = [update.step(net.losses, optimizer, scaler=scaler if scaled else None) for _ in range(3)]
            found.append([*losses, *(p.detach().clone() for p in net.parameters())])
        same(found[0], found[1], tolerance=1e-4)


@every_step
@pytest.mark.parametrize("bad", [1, 2])
def test_an_infinite_gradient_is_shown_and_not_remembered(name: str, aggregator: str, bad: int) -> None:
    """In the clean pass (1) or in the first perturbed one (2)."""
    net, passes = Net(), [0]
    update = net.update(aggregator, name)
    update.backward(net.losses)
    before = update.state_dict()["history"]

    def losses(tasks: Sequence[int]) -> list[Tensor]:
        found = net.losses(tasks)
        if torch.is_grad_enabled():
            passes[0] += 1
            if passes[0] == bad:
                found[0].register_hook(lambda grad: grad * float("inf"))
        return found

    net.zero_grad()
    weights = [p.clone() for p in net.parameters()]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    update.step(losses, optimizer)
    assert update.last is not None
    if bad == 1 or (PRESETS[name].moves and not PRESETS[name].from_history):
        assert passes == [bad]
        assert not update.last.finite
        assert any(not g.isfinite().all() for g in grads(net) if g is not None)
        same(list(net.parameters()), weights)
        after = update.state_dict()["history"]
        assert all(torch.equal(v, after[kind][n]) for kind, kept in before.items() for n, v in kept.items())
    optimizer.zero_grad()
    update.backward(net.losses)
    assert update.last.finite
    assert all(g.isfinite().all() for g in grads(net) if g is not None)


@every_step
def test_a_loss_that_is_not_finite_though_its_gradient_is_raises(name: str, aggregator: str) -> None:
    def losses(net: Net, where: Callable[[], bool]) -> Callable[[Sequence[int]], list[Tensor]]:
        return lambda tasks: [
            loss + (float("inf") if where() and i else 0) for i, loss in zip(tasks, net.losses(tasks), strict=True)
        ]

    net = Net()
    with pytest.raises(FloatingPointError, match="the loss of task 1 is inf"):
        net.update(aggregator, name).backward(losses(net, lambda: True))
    if PRESETS[name].probes:
        with pytest.raises(FloatingPointError, match="task 1 is inf in a probe"):
            net.update(aggregator, name).backward(losses(net, lambda: not torch.is_grad_enabled()))
    assert all(g is None for g in grads(net))


@every_step
def test_gradients_lie_in_memory_as_their_weights_do(name: str, aggregator: str) -> None:
    """Fused optimisers read both as they lie."""
    images = torch.randn(2, 3, 6, 6, device=DEVICE)
    trunk = nn.Conv2d(3, 4, 3).to(DEVICE)
    trunk.weight.data = trunk.weight.data.to(memory_format=torch.channels_last)
    heads = nn.ModuleList(nn.Linear(4, 1) for _ in range(2)).to(DEVICE)

    def losses(tasks: Sequence[int]) -> list[Tensor]:
        return [heads[i](trunk(images).mean((2, 3))).square().mean() for i in tasks]

    MultiTaskUpdate(trunk, heads, aggregator=aggregator, sharpness=preset(name)).backward(losses)
    assert trunk.weight.grad is not None
    assert trunk.weight.grad.stride() == trunk.weight.stride()


@every_preset
def test_16_bit_weights_are_moved_or_refused(name: str) -> None:
    for aggregator, mixed in (("ls", False), ("mgda", True)):  # mixed: the second layer in float32
        net = Net().to(torch.bfloat16)
        net.x = net.x.bfloat16()
        if mixed:
            net.trunk.append(nn.Linear(8, 8).to(DEVICE))
            net.trunk[2].register_forward_pre_hook(lambda _, args: (args[0].float(),))
            net.trunk[2].register_forward_hook(lambda _, args, out: out.bfloat16())
        update = net.update(aggregator, name, rho=1.0, **({"mu": 0.1} if PRESETS[name].probes else {}))
        for _ in range(2):
            net.zero_grad()
            update.backward(net.losses)
            assert all(
                p.grad is not None and p.grad.dtype == p.dtype and p.grad.isfinite().all() for p in net.parameters()
            )
        if PRESETS[name].moves:
            update = net.update(aggregator, name, rho=1e-4)
            if PRESETS[name].from_history:
                update.backward(net.losses)
            with pytest.raises(ValueError, match=r"lost in the rounding of torch.bfloat16 weights"):
                update.backward(net.losses)


@every_preset
def test_what_is_not_supported_is_one_line(name: str) -> None:
    """Several devices, complex weights, sparse gradients, a trainable weight in neither trunk nor heads."""
    linear, bag = nn.Linear(2, 2, device=DEVICE), nn.EmbeddingBag(10, 8, sparse=True, device=DEVICE)
    ids = torch.randint(0, 10, (4, 3), device=DEVICE)
    imaginary = nn.Linear(2, 2, dtype=torch.complex64, device=DEVICE)
    heads = [nn.Linear(8, 1, device=DEVICE) for _ in range(2)]
    net, neck = Net(), nn.Linear(8, 8).to(DEVICE)

    def pooled(tasks: Sequence[int]) -> list[Tensor]:
        return [heads[i](bag(ids)).square().mean() for i in tasks]

    def by_a_neck(tasks: Sequence[int]) -> list[Tensor]:
        return [net.heads[i](neck(net.trunk(net.x[0]))).mean() for i in tasks]

    for aggregator in AGGREGATORS:
        for trunk, parts, losses, told in (
            (linear, [nn.Linear(2, 1, device="meta")], lambda _: [], "one device is supported"),
            (linear, [imaginary], lambda _: [], "weight is torch.complex64"),
            (bag, heads, pooled, "a gradient is sparse"),
            (net.trunk, net.heads, by_a_neck, r"a parameter of shape \(8,"),
        ):
            update = MultiTaskUpdate(trunk, parts, aggregator=aggregator, sharpness=preset(name))
            with pytest.raises(ValueError, match=told) as caught:
                update.backward(losses)
            assert "\n" not in str(caught.value)
    neck.requires_grad_(False)
    net.update("ls", name).backward(by_a_neck)


@every_step
def test_checkpointing_changes_nothing(name: str, aggregator: str) -> None:
    """The reentrant kind computes no gradient for chosen weights: PyTorch says so itself."""
    found = []
    for reentrant in (None, False, True):
        torch.manual_seed(0)
        net = Net(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.3))

        def losses(tasks: Sequence[int], net: Net = net, kind: bool | None = reentrant) -> list[Tensor]:
            z, rest = net.trunk[:2](net.x[0]), net.trunk[2:]
            features = rest(z) if kind is None else checkpoint(rest, z, use_reentrant=kind)
            return [net.heads[i](features).square().mean() for i in tasks]

        update = net.update(aggregator, name)
        torch.manual_seed(3)
        if reentrant:
            with pytest.raises(RuntimeError, match="use_reentrant=False"):
                update.backward(losses)
            continue
        update.backward(losses)
        norm = net.trunk[3]
        assert isinstance(norm, nn.BatchNorm1d)
        assert norm.num_batches_tracked == 1
        found.append([*grads(net), norm.running_mean, norm.running_var])
    same(found[0], found[1], tolerance=1e-6)


@every_preset
def test_compiled_modules_are_compiled_a_few_times_and_no_more(name: str) -> None:
    compiled: list[int] = []

    def backend(graph: Any, inputs: Any) -> Any:
        compiled.append(1)
        return graph.forward

    torch._dynamo.reset()
    net, plain = Net(), Net()
    trunk = torch.compile(net.trunk, backend=backend)

    def losses(tasks: Sequence[int]) -> list[Tensor]:
        features = trunk(net.x[0])
        return [(net.heads[i](features) - i).square().mean() for i in tasks]

    torch.manual_seed(2)
    update = MultiTaskUpdate(trunk, net.heads, aggregator="mgda", sharpness=preset(name))  # type: ignore[arg-type]
    other = plain.update("mgda", name)
    for n in range(4):
        net.zero_grad()
        plain.zero_grad()
        update.backward(losses)
        other.backward(plain.losses)
        if n == 1:
            count = len(compiled)
    assert len(compiled) == count <= 4
    same(grads(net), grads(plain), 1e-5)


@every_step
def test_hooks_see_the_step_and_its_end(name: str, aggregator: str) -> None:
    net = Net()
    update = net.update(aggregator, name)
    home = [p.clone() for p in net.parameters()]
    ended: list[bool] = []
    passes: list[int] = []
    gradients: list[int] = []
    net.trunk.register_forward_hook(lambda *_: passes.append(1))
    weight = next(net.trunk.parameters())
    weight.register_hook(lambda _: gradients.append(1))
    weight.register_post_accumulate_grad_hook(
        lambda p: ended.append(p.grad is not None and all(map(torch.equal, net.parameters(), home)))
    )
    update.backward(net.losses)
    assert ended == [True]
    assert len(passes) == len(net.seen)
    assert gradients


class Codebook(nn.Module):
    """An average of what it saw, that is replaced instead of written, and read in the same pass."""

    codes: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(8))

    def forward(self, z: Tensor) -> Tensor:
        self.codes = 0.9 * self.codes + 0.1 * z.detach().mean(0)
        return z - self.codes


class OwnNorm(nn.BatchNorm1d):
    """Writes its statistics itself."""

    def forward(self, z: Tensor) -> Tensor:
        assert self.running_var is not None
        self.running_var += 0.1 * (z.var(0).detach() - self.running_var)
        return z * (z.var(0) + self.eps).rsqrt()


@every_preset
def test_passes_without_a_perturbation_repeat_the_clean_one(name: str) -> None:
    """Dropout in trunk and heads, inputs and batch sizes per task, every kind of buffer: only the weights differ."""
    for aggregator, apart in (("ls", False), ("mgda", False), ("mgda", True)):
        spectral = nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8))
        between: list[nn.Module] = [nn.BatchNorm1d(8), spectral]
        # Where each task has a call of its own, one reads what the other wrote: there BatchNorm takes the shift away.
        between.insert(0 if apart else 2, Codebook())
        net = Net(nn.Dropout(0.5), OwnNorm(8), *between, in_head=0.5)
        update = net.update(aggregator, name, rho=1e-12, mu=1e-12, probe_statistics="batch")
        closure = net.apart if apart else net.losses
        twin = copy.deepcopy(net)
        torch.manual_seed(3)
        (twin.apart if apart else twin.losses)([0, 1])
        state = torch.get_rng_state()
        torch.manual_seed(3)
        update.backward(closure)
        clean = net.seen[0]
        for later in net.seen[1:]:
            assert all(loss == pytest.approx(clean[i], abs=1e-6) for i, loss in later.items())
        assert torch.equal(state, torch.get_rng_state())
        for (n, mine), (_, once) in zip(net.named_buffers(), twin.named_buffers(), strict=True):
            torch.testing.assert_close(mine, once, msg=n)


@every_step
def test_a_task_without_a_label_is_left_out(name: str, aggregator: str) -> None:
    """As if there were one task; a zero in its place would stop MGDA's trunk."""
    alone, asked, none = Net(), Net(), Net()
    torch.manual_seed(2)
    update = MultiTaskUpdate(alone.trunk, alone.heads[1:], aggregator=aggregator, sharpness=preset(name))
    update.backward(lambda tasks: alone.losses([i + 1 for i in tasks]))
    asked.update(aggregator, name).backward(asked.losses, tasks=[1])
    update = none.update(aggregator, name)
    losses = update.backward(
        lambda tasks: [None if i == 0 else loss for i, loss in zip(tasks, none.losses(tasks), strict=True)]
    )
    assert losses.isnan().tolist() == [True, False]
    assert update.last is not None
    assert update.last.losses.shape == (2,)
    same(grads(alone), grads(asked), 1e-6)
    same(grads(alone), grads(none), 1e-6)
    with pytest.raises(ValueError, match="no loss for any"):
        update.backward(lambda tasks: [None for _ in tasks])


@every_preset
def test_names_and_tied_weights(name: str) -> None:
    """A language model's two heads, one tied to the embedding: the weight is the trunk's."""
    trunk = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4))
    heads = nn.ModuleDict({"next": nn.Linear(4, 5, bias=False), "mood": nn.Linear(4, 1)})
    heads["next"].weight = trunk[0].weight
    nn.ModuleList([trunk, heads]).to(DEVICE)
    ids, asked = torch.tensor([0, 1, 4, 2], device=DEVICE), []

    def losses(tasks: Sequence[str]) -> dict[str, Tensor]:
        asked.append(list(tasks))
        features = trunk(ids)
        return {task: heads[task](features).square().mean() for task in tasks}

    for aggregator in AGGREGATORS:
        update = MultiTaskUpdate(trunk, heads, aggregator=aggregator, sharpness=preset(name))
        update.backward(losses)
        assert asked[0] == ["next", "mood"]
        assert {task for tasks in asked for task in tasks} == {"next", "mood"}
        assert all(p.grad is not None for p in [*trunk.parameters(), *heads.parameters()])
        with pytest.raises(ValueError, match="'seg' is unknown"):
            update.backward(losses, tasks=["seg"])


@every_step
def test_weights_may_be_frozen_freed_and_unused_with_everything_remembered(name: str, aggregator: str) -> None:
    net = Net(nn.Linear(8, 8))
    net.trunk.register_parameter("unused", nn.Parameter(torch.ones(2, device=DEVICE)))
    update = net.update(aggregator, name, **every_second(name))
    for n in range(8):
        net.trunk[0].bias.requires_grad_(n % 3 != 1)
        net.heads[0].requires_grad_(n % 4 != 3)
        net.zero_grad()
        update.backward(net.losses)
        for p in net.parameters():
            assert (p.grad is not None) == (p.requires_grad and p is not net.trunk.unused)


@every_step
def test_a_copy_a_pickle_and_a_state_go_on_bit_for_bit(name: str, aggregator: str) -> None:
    net = Net(nn.BatchNorm1d(8), nn.Dropout(0.3))
    update = net.update(aggregator, name, **every_second(name))
    for _ in range(3):
        update.step(net.losses, torch.optim.SGD(net.parameters(), lr=0.1))
    other, M = copy.deepcopy(net), copy.deepcopy(update.aggregator)
    fresh = MultiTaskUpdate(other.trunk, other.heads, aggregator=M, sharpness=update.sharpness)
    fresh.load_state_dict(copy.deepcopy(update.state_dict()))
    twins = [copy.deepcopy((net, update)), pickle.loads(pickle.dumps((net, update))), (other, fresh)]
    for own, step in ((net, update), *twins):
        torch.manual_seed(7)
        for _ in range(2):
            step.step(own.losses, torch.optim.SGD(own.parameters(), lr=0.1))
    for own, _ in twins:
        same(list(own.parameters()), list(net.parameters()))


def test_the_seed_of_the_experiment_is_the_seed_of_the_directions() -> None:
    """Where no generator is given; one that is given is a stream of its own."""
    for generators in ([None] * 3, [torch.Generator().manual_seed(seed) for seed in (1, 1, 2)]):
        found = []
        for seed, generator in zip((1, 1, 2), generators, strict=True):
            net = Net()
            torch.manual_seed(seed if generator is None else 0)
            before = torch.get_rng_state()
            update = MultiTaskUpdate(net.trunk, net.heads, sharpness=preset("placebo"), generator=generator)
            assert torch.equal(before, torch.get_rng_state())
            update.backward(net.losses)
            found.append(grads(net))
        same(found[0], found[1])
        assert not torch.equal(found[0][0], found[2][0])  # type: ignore[arg-type]
