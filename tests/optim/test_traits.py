"""What real training loops bring along, for every preset with a scalariser and an aggregator.

SAMO_TEST_DEVICE names the device, cuda say; without it the CPU. Sums are in float64, which mps has not.
"""

import copy
import io
import os
import pickle
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import cache, partial
from itertools import count, product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from samo import PRESETS, MultiTaskUpdate, aggregation, preset
from samo.optim.closures import Closure
from tests.problems import Problem, Snapshot, grads, problem, same, train, update_of

DEVICE = torch.device(os.environ.get("SAMO_TEST_DEVICE", "cpu"))
TRAITS: dict[str, Any] = {"batchnorm": True, "dropout": 0.3, "branches": True}
AGGREGATORS = ("ls", "mgda")
every_preset = pytest.mark.parametrize("name", PRESETS)
every_step = pytest.mark.parametrize(("name", "aggregator"), list(product(PRESETS, AGGREGATORS)))
made = partial(problem, 2, device=DEVICE)
single = partial(made, dtype=torch.float32)
Make = Callable[..., MultiTaskUpdate]
Steps = Iterator[Any]


def sgd(case: Problem, update: MultiTaskUpdate) -> torch.optim.Optimizer:
    return torch.optim.SGD([*case.network.parameters(), *update.parameters()], lr=0.1)


def every_second(name: str) -> dict[str, Any]:
    """Plain steps between, where the preset has other ones."""
    return {} if PRESETS[name].from_history else {"every": 2}


def whole_step(case: Problem, make: Make, closure: Closure | None = None, **options: Any) -> Steps:
    update = make(case.network.trunk, case.network.heads)
    while True:
        yield update.step(closure or case.closure, sgd(case, update), **options)


def by_hand(case: Problem, make: Make) -> Steps:
    """Of parameters without modules; the gradients are overwritten in place."""
    heads = [head.parameters() for head in case.network.heads]
    update = make(case.network.trunk.parameters(), heads, network=case.network)
    while True:
        losses = update.backward(case.closure)
        sgd(case, update).step()
        update.after_step(case.closure)
        yield losses
        sgd(case, update).zero_grad(set_to_none=False)


def checkpointed(case: Problem, make: Make, *, reentrant: bool = False) -> Steps:
    trunk, heads = case.network.trunk, case.network.heads

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        rest = partial(trunk.after_first, tasks=tasks)
        features = checkpoint(lambda z: torch.stack(rest(z)), trunk.first(case.x), use_reentrant=reentrant)
        return case.losses([heads[i](own) for i, own in zip(tasks, features, strict=True)], tasks)

    return whole_step(case, make, closure)


def scaled(case: Problem, make: Make) -> Steps:
    """By another power of two in each step, so that what is remembered is seen to be without the scale, too."""
    return whole_step(case, make, scaler=torch.amp.GradScaler(DEVICE.type, init_scale=1024.0, growth_interval=1))


def copied(case: Problem, make: Make, again: Callable[[Any], Any] = copy.deepcopy) -> Steps:
    update = make(case.network.trunk, case.network.heads)
    while True:
        case.network, update = again((case.network, update))
        yield update.step(case.closure, sgd(case, update))


def pickled(case: Problem, make: Make) -> Steps:
    return copied(case, make, lambda both: pickle.loads(pickle.dumps(both)))


def resumed(case: Problem, make: Make) -> Steps:
    """Each step, and what follows it, by another update that has the state of the one before."""

    def another(update: MultiTaskUpdate) -> MultiTaskUpdate:
        torch.save(update.state_dict(), file := io.BytesIO())
        file.seek(0)
        other = make(case.network.trunk, case.network.heads, seed=9)
        other.load_state_dict(torch.load(file))
        return other

    update = make(case.network.trunk, case.network.heads)
    while True:
        sgd(case, update).zero_grad()
        losses = update.backward(case.closure)
        sgd(case, update).step()
        update = another(update)
        update.after_step(case.closure)
        yield losses
        update = another(update)


WAYS = {way.__name__: way for way in (by_hand, checkpointed, scaled, copied, pickled, resumed)}


def trained(way: Callable[[Problem, Make], Steps], name: str, aggregator: str) -> list[Tensor]:
    """Weights and statistics after each of some steps."""
    case, options = made(**TRAITS), {"dwa": {"window": 2}, "nash-mtl": {"update_weights_every": 3}}
    fields = every_second(name) | ({"layers": "random:1"} if name == "samo-sampled" else {})

    def make(trunk: Any, heads: Any, seed: int = 0, **more: Any) -> MultiTaskUpdate:
        M = aggregation.make(aggregator, tasks=2, **options.get(aggregator, {}))
        stream = torch.Generator().manual_seed(seed)
        return MultiTaskUpdate(trunk, heads, aggregator=M, sharpness=preset(name, **fields), generator=stream, **more)

    steps, found = way(case, make), list[Tensor]()
    for n in range(5):
        torch.manual_seed(n)
        found.append(next(steps))
        found += [value.clone() for value in case.network.state_dict().values()]
    return found


plainly_trained = cache(partial(trained, whole_step))


@pytest.mark.parametrize(
    ("way", "name", "aggregator"),
    # A trunk that is no module has other layers; fairgrad's direction is not linear in the losses' scale.
    [case for case in product(WAYS, PRESETS, AGGREGATORS) if case[:2] != ("by_hand", "samo-sampled")]
    + [
        *product(["resumed"], ["fmtl-second"], aggregation.NAMES),
        *product(["scaled"], PRESETS, ["fairgrad", "uw", "imtl-l"]),
    ],
)
def test_a_training_is_the_same_in_other_ways(way: str, name: str, aggregator: str) -> None:
    tolerance = 1e-6 if way in ("checkpointed", "scaled") else 0
    same(trained(WAYS[way], name, aggregator), plainly_trained(name, aggregator), tolerance)


@pytest.mark.parametrize("part", ["whole", "a part"])
def test_reentrant_checkpoints_are_refused(part: str) -> None:
    """They compute no gradient for chosen weights: of a whole trunk none at all, without a word."""

    def whole(case: Problem, make: Make) -> Steps:
        def closure(tasks: Sequence[int]) -> list[Tensor]:
            x = case.x.clone().requires_grad_()
            features = checkpoint(lambda x: torch.stack(case.network.trunk(x, tasks)), x, use_reentrant=True)
            return case.losses([case.network.heads[i](own) for i, own in zip(tasks, features, strict=True)], tasks)

        return whole_step(case, make, closure)

    with pytest.raises(ValueError, match="pass use_reentrant=False"):
        trained(whole if part == "whole" else partial(checkpointed, reentrant=True), "samo", "ls")


@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_a_frozen_part_may_lie_in_a_reentrant_checkpoint(aggregator: str) -> None:
    case = made()
    case.network.trunk.first.requires_grad_(False)
    update = update_of(case, aggregator, "samo")

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        z = checkpoint(case.network.trunk.first, case.x.clone().requires_grad_(), use_reentrant=True)
        features = case.network.trunk.after_first(z, tasks)
        return case.losses([case.network.heads[i](own) for i, own in zip(tasks, features, strict=True)], tasks)

    update.backward(closure)
    found = [g.clone() for g in grads(case.network) if g is not None]
    case.network.zero_grad()
    update_of(case, aggregator, "samo").backward(case.closure)
    same(found, [g for g in grads(case.network) if g is not None])


@pytest.mark.parametrize("name", ["none", "samo"])
def test_learned_weights_accumulate_scaled_and_skip_an_infinite_gradient(name: str) -> None:
    case, scaler = made(), torch.amp.GradScaler(DEVICE.type, init_scale=1024.0)
    update = update_of(case, "uw", name)
    [learned] = update.parameters()
    own, rest = (torch.optim.SGD(params, lr=0.1) for params in ([learned], case.network.parameters()))
    for times in (1, 2):
        update.backward(case.closure, scaler=scaler)
        assert learned.grad is not None
        if times == 1:
            once = learned.grad.clone()
    same([learned.grad], [2 * once])
    for optimizer in (own, rest):
        optimizer.zero_grad()

    def infinite(tasks: Sequence[int]) -> list[Tensor]:
        losses = case.closure(tasks)
        if torch.is_grad_enabled():
            losses[0].register_hook(lambda grad: grad * float("inf"))
        return losses

    before = [p.clone() for p in (learned, *case.network.parameters())]
    update.backward(infinite, scaler=scaler)
    for optimizer in (own, rest):
        scaler.step(optimizer)
    scaler.update()
    same([learned, *case.network.parameters()], before)


@every_preset
@pytest.mark.parametrize(("aggregator", "dtype"), [("ls", torch.bfloat16), ("mgda", torch.float16)])
def test_autocast_around_the_step_is_autocast_in_the_closure(name: str, aggregator: str, dtype: torch.dtype) -> None:
    def found(around: bool) -> list[Tensor | None]:
        case, losses = single(), list[Tensor | None]()
        update = update_of(case, aggregator, name, rho=float(name != "none"))

        def closure(tasks: Sequence[int]) -> list[Tensor]:
            with nullcontext() if around else torch.autocast(DEVICE.type, dtype):
                seen = case.closure(tasks)
            losses.extend(loss.detach() for loss in seen)
            return seen

        for _ in range(2):
            case.network.zero_grad()
            with torch.autocast(DEVICE.type, dtype, enabled=around):
                update.backward(closure)
        return [*losses, *grads(case.network)]

    same(found(True), found(False))
    assert all(part is not None and part.dtype == torch.float32 and part.isfinite().all() for part in found(True))


@every_step
@pytest.mark.parametrize("bad", [1, 2])
def test_an_infinite_gradient_is_shown_and_not_remembered(name: str, aggregator: str, bad: int) -> None:
    """In the clean pass (1) or in the first perturbed one (2)."""
    case, passes = made(), list[int]()
    update, network = update_of(case, aggregator, name), case.network
    update.backward(case.closure)
    before = update.state_dict()["history"]

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        losses = case.closure(tasks)
        if torch.is_grad_enabled():
            passes.append(len(passes) + 1)
            if len(passes) == bad:
                losses[0].register_hook(lambda grad: grad * float("inf"))
        return losses

    weights = [p.clone() for p in network.parameters()]
    update.step(closure, sgd(case, update))
    assert update.last is not None
    if bad == 1 or (PRESETS[name].moves and not PRESETS[name].from_history):
        assert passes[-1] == bad
        assert not update.last.finite
        # A scaler must skip the optimiser of every part.
        assert all(g is not None and not g.isfinite().all() for g in grads(network))
        same(list(network.parameters()), weights)
        after = update.state_dict()["history"]
        assert all(torch.equal(v, after[kind][n]) for kind, kept in before.items() for n, v in kept.items())
    update.step(case.closure, sgd(case, update))
    assert update.last.finite
    assert all(g.isfinite().all() for g in grads(network) if g is not None)


def interrupted(losses: list[Tensor]) -> list[Tensor]:
    raise InterruptedError


@every_step
@pytest.mark.parametrize(
    ("fault", "strict"),
    [
        (interrupted, False),
        (lambda losses: [*losses[:-1], losses[-1] + float("inf")], False),  # its gradient is finite
        (lambda losses: [*losses[:-1], losses[-1] * float("nan")], True),
    ],
    ids=["interrupted", "infinite", "not a number"],
)
def test_a_pass_that_fails_is_named_and_leaves_no_trace(name: str, aggregator: str, fault: Any, strict: bool) -> None:
    case = made(**TRAITS)
    network, update = case.network, update_of(case, aggregator, name, options={"raise_nonfinite": strict})
    train(case, update, 1)
    for p in network.parameters():
        p.grad = torch.full_like(p, 7.0)
    weights = [p.clone() for p in network.parameters()]

    def fails_in(stop: int) -> bool:
        """Whether there is a pass of this number."""
        seen: list[tuple[Snapshot, str]] = []

        def closure(tasks: Sequence[int]) -> list[Tensor]:
            losses = case.closure(tasks)
            first = not seen or update.sharpness.from_history
            where = "$" if first else " in a perturbed pass" if torch.is_grad_enabled() else " in a probe"
            seen.append((Snapshot.of(network), f"^the loss of task {tasks[-1]} is (inf|nan){where}"))
            return fault(losses) if len(seen) == stop else losses

        try:
            update.backward(closure)
        except (InterruptedError, FloatingPointError) as error:
            told = str(error)
        else:
            assert len(seen) < stop
            return False
        assert re.search(seen[-1][1] if fault is not interrupted else "", told)
        same(list(network.parameters()), weights)
        same(grads(network), [torch.full_like(p, 7.0) for p in network.parameters()])
        if not update.sharpness.from_history:  # whose first pass is at other weights
            seen[0][0].assert_equal(Snapshot.of(network))
        return True

    assert fails_in(1)
    assert not fails_in(next(stop for stop in count(2) if not fails_in(stop)))


@every_preset
@pytest.mark.parametrize(("aggregator", "mixed"), [("ls", False), ("mgda", True)])
def test_16_bit_weights_are_moved_or_refused(name: str, aggregator: str, mixed: bool) -> None:
    case = single()
    network, case.x = case.network.bfloat16(), case.x.bfloat16()
    if mixed:  # the second layer in float32
        network.trunk.second.float().register_forward_pre_hook(lambda _, args: (args[0].float(),))
        network.trunk.second.register_forward_hook(lambda _, args, out: out.bfloat16())
    update = update_of(case, aggregator, name, rho=1.0, mu=0.1)
    for _ in range(2):
        network.zero_grad()
        update.backward(case.closure)
        assert all(
            p.grad is not None and p.grad.dtype == p.dtype and p.grad.isfinite().all() for p in network.parameters()
        )
    if PRESETS[name].moves:
        update = update_of(case, aggregator, name, rho=1e-4)
        if PRESETS[name].from_history:
            update.backward(case.closure)
        with pytest.raises(ValueError, match=r"lost in the rounding of torch.bfloat16 weights"):
            update.backward(case.closure)


@every_step
def test_sparse_gradients_are_refused(name: str, aggregator: str) -> None:
    bag, heads = nn.EmbeddingBag(10, 8, sparse=True, device=DEVICE), [nn.Linear(8, 1, device=DEVICE) for _ in range(2)]
    ids = torch.randint(0, 10, (4, 3), device=DEVICE)
    update = MultiTaskUpdate(bag, heads, aggregator=aggregator, sharpness=preset(name))
    with pytest.raises(ValueError, match="a gradient is sparse") as caught:
        update.backward(lambda tasks: [heads[i](bag(ids)).square().mean() for i in tasks])
    assert "\n" not in str(caught.value)


@every_preset
def test_compiled_modules_are_compiled_a_few_times_and_no_more(name: str) -> None:
    compiled: list[int] = []

    def backend(graph: Any, inputs: Any) -> Any:
        compiled.append(1)
        return graph.forward

    torch._dynamo.reset()
    case, plain = single(), single()
    heads, trunk = case.network.heads, torch.compile(case.network.trunk, backend=backend)

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        features = trunk(case.x, [0])
        return case.losses([heads[i](*features) for i in tasks], tasks)

    stream = torch.Generator().manual_seed(0)
    update = MultiTaskUpdate(trunk, heads, aggregator="mgda", sharpness=preset(name), generator=stream)  # type: ignore[arg-type]
    other, counts = update_of(plain, "mgda", name), []
    for _ in range(4):
        update.step(closure, sgd(case, update))
        other.step(plain.closure, sgd(plain, other))
        counts.append(len(compiled))
    assert counts[1] == counts[-1] <= 4
    same(list(case.network.parameters()), list(plain.network.parameters()), 1e-5)


@every_step
def test_hooks_see_the_step_and_its_end(name: str, aggregator: str) -> None:
    case = made()
    home, weight = [p.clone() for p in case.network.parameters()], case.network.trunk.first.weight
    passes, gradients, ended = list[Any](), list[Any](), list[bool]()
    case.network.trunk.register_forward_hook(lambda *_: passes.append(1))
    weight.register_hook(lambda _: gradients.append(1))
    weight.register_post_accumulate_grad_hook(
        lambda p: ended.append(p.grad is not None and all(map(torch.equal, case.network.parameters(), home)))
    )
    asked: list[Sequence[int]] = []

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        asked.append(tasks)
        return case.closure(tasks)

    update_of(case, aggregator, name).backward(closure)
    assert ended == [True]
    assert len(passes) == len(asked)
    assert gradients


class Codebook(nn.Module):
    """An average of what it saw, that is replaced instead of written, and read in the same pass."""

    codes: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(6))

    def forward(self, z: Tensor) -> Tensor:
        self.codes = 0.9 * self.codes + 0.1 * z.detach().mean(0)
        return z - self.codes


class OwnNorm(nn.BatchNorm1d):
    """Writes its statistics itself."""

    def forward(self, z: Tensor) -> Tensor:
        assert self.running_var is not None
        self.running_var += 0.1 * (z.var(0).detach() - self.running_var)
        return z * (z.var(0) + self.eps).rsqrt()


class Tables(nn.Module):
    """One that grows with the batch, as a causal mask does, an expanded and a sparse one."""

    rows: Tensor
    columns: Tensor
    edges: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rows", torch.ones(1, 1))
        self.register_buffer("columns", torch.ones(1, dtype=torch.float64).expand(6))
        self.register_buffer("edges", torch.eye(6, dtype=torch.float64).to_sparse())

    def forward(self, z: Tensor) -> Tensor:
        if len(self.rows) < len(z):
            self.rows = z.new_ones(len(z), 1)
        return (self.edges @ z.T).T * self.rows[: len(z)] * self.columns


@every_preset
@pytest.mark.parametrize(("aggregator", "apart"), [("ls", False), ("mgda", False), ("mgda", True)])
def test_passes_without_a_perturbation_repeat_the_clean_one(name: str, aggregator: str, apart: bool) -> None:
    """Dropout in trunk and heads, inputs and batch sizes per task, every kind of buffer: only the weights differ."""
    torch.manual_seed(0)
    # Where each task has a call of its own, the norm must have converged.
    spectral = nn.utils.parametrizations.spectral_norm(nn.Linear(6, 6), n_power_iterations=30 if apart else 1)
    between: list[nn.Module] = [nn.BatchNorm1d(6), Tables(), spectral]
    # Where each task has a call of its own, one reads what the other wrote: there BatchNorm takes the shift away.
    between.insert(0 if apart else 3, Codebook())
    case = made(dropout=0.5, between=[OwnNorm(6), *between])
    shared = nn.Dropout(0.5)  # as one module, if a head is called per task
    drops = [shared if aggregator == "mgda" else nn.Dropout(0.5) for _ in range(2)]
    case.network.heads = nn.ModuleList(map(nn.Sequential, drops, case.network.heads))
    twin, seen = copy.deepcopy(case), list[dict[int, Tensor]]()

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        losses = case.apart(tasks) if apart else case.closure(tasks)
        seen.append({i: loss.detach() for i, loss in zip(tasks, losses, strict=True)})
        return losses

    torch.manual_seed(3)
    update_of(case, aggregator, name, rho=1e-12, mu=1e-12, probe_statistics="batch").backward(closure)
    after = Snapshot.of(case.network)
    torch.manual_seed(3)
    (twin.apart if apart else twin.closure)([0, 1])
    for later in seen[1:]:
        same(list(later.values()), [seen[0][i] for i in later], 1e-6)
    assert torch.equal(after.random, torch.get_rng_state())
    same(list(after.state.values()), list(twin.network.state_dict().values()), 1e-5)


@every_preset
def test_a_checkpoint_of_a_part_repeats_its_masks(name: str) -> None:
    def found(run: Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]) -> list[Tensor | None]:
        case = made(dropout=0.5)
        trunk, heads = case.network.trunk, [nn.Sequential(nn.Dropout(0.5), head) for head in case.network.heads]
        case.network.heads = nn.ModuleList(heads)
        trunks = [lambda x, i=i: trunk(x, [i])[0] for i in range(2)]

        def closure(tasks: Sequence[int]) -> list[Tensor]:
            return case.losses([run(heads[i], run(trunks[i], case.x.roll(i, 0))) for i in tasks], tasks)

        torch.manual_seed(3)
        update_of(case, "mgda", name).backward(closure)
        return grads(case.network)

    same(found(partial(checkpoint, use_reentrant=False)), found(lambda part, x: part(x)), 1e-9)


@every_step
def test_a_task_without_a_label_is_left_out(name: str, aggregator: str) -> None:
    """As if there were one task; a zero in its place would stop MGDA's trunk."""
    alone, asked, none = made(), made(), made()
    heads, stream = alone.network.heads[1:], torch.Generator().manual_seed(0)
    update = MultiTaskUpdate(
        alone.network.trunk, heads, aggregator=aggregator, sharpness=preset(name), generator=stream
    )
    update.backward(lambda tasks: alone.closure([i + 1 for i in tasks]))
    update_of(asked, aggregator, name).backward(asked.closure, tasks=[1])
    update = update_of(none, aggregator, name)
    losses = update.backward(
        lambda tasks: [None if i == 0 else loss for i, loss in zip(tasks, none.closure(tasks), strict=True)]
    )
    assert losses.isnan().tolist() == [True, False]
    assert update.last is not None
    assert update.last.losses.shape == (2,)
    for other in (asked, none):
        same(grads(alone.network), grads(other.network), 1e-6)
    with pytest.raises(ValueError, match="no loss for any"):
        update.backward(lambda tasks: [None for _ in tasks])


@every_step
def test_names_and_tied_weights(name: str, aggregator: str) -> None:
    """A language model's two heads, one tied to the embedding: the weight is the trunk's."""
    trunk = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4))
    heads = nn.ModuleDict({"next": nn.Linear(4, 5, bias=False), "mood": nn.Linear(4, 1)})
    heads["next"].weight = trunk[0].weight
    nn.ModuleList([trunk, heads]).to(DEVICE)
    ids = torch.tensor([0, 1, 4, 2], device=DEVICE)

    def closure(tasks: Sequence[str]) -> dict[str, Tensor]:
        return {task: heads[task](trunk(ids)).square().mean() for task in reversed(tasks)}

    losses = MultiTaskUpdate(trunk, heads, aggregator=aggregator, sharpness=preset(name)).backward(closure)
    same([losses], [torch.stack([closure(["next"])["next"], closure(["mood"])["mood"]]).detach()])
    assert all(p.grad is not None for p in [*trunk.parameters(), *heads.parameters()])


@every_step
def test_weights_may_be_frozen_freed_and_unused_with_everything_remembered(name: str, aggregator: str) -> None:
    case = made()
    trunk, heads = case.network.trunk, case.network.heads
    trunk.register_parameter("unused", nn.Parameter(torch.ones(2, device=DEVICE)))
    update = update_of(case, aggregator, name, **every_second(name))
    for n in range(8):
        trunk.first.bias.requires_grad_(n % 3 != 1)
        heads[0].requires_grad_(n % 4 != 3)
        case.network.zero_grad()
        update.backward(case.closure)
        for p in case.network.parameters():
            assert (p.grad is not None) == (p.requires_grad and p is not trunk.unused)


@pytest.mark.parametrize("given", [False, True])
def test_the_seed_of_the_experiment_is_the_seed_of_the_directions(given: bool) -> None:
    """Where no generator is given; one that is given is a stream of its own."""
    found = []
    for seed in (1, 1, 2):
        case = made()
        torch.manual_seed(0 if given else seed)
        before = torch.get_rng_state()
        generator = torch.Generator().manual_seed(seed) if given else None
        sharpness = preset("placebo")
        update = MultiTaskUpdate(case.network.trunk, case.network.heads, sharpness=sharpness, generator=generator)
        assert torch.equal(before, torch.get_rng_state())
        update.backward(case.closure)
        found.append(torch.cat([g.flatten() for g in grads(case.network) if g is not None]))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
