import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import samo
from samo.datasets.parts import brown
from samo.models.multitask import MultiTaskNetwork
from tests.datasets.made_raw import archive, prepared, problem, texts

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    return prepared("brownlora", tmp_path_factory.mktemp("brownlora"))


def test_tags_are_reduced_and_foreign_words_are_one_class(tmp_path):
    found = brown.read(texts(tmp_path / "raw") / "brown.tgz")
    assert len(found) == 45
    parts = dict(pair for paragraphs in found.values() for p in paragraphs for pair in p if "word" not in pair[0])
    assert parts == {"the": "at", "not": "*", "--": "--", "can't": "md", "fin": "fw", "end": "nn", ".": "."}
    assert {len(paragraphs) for paragraphs in found.values()} == {6}


def test_texts_are_split_by_genre_and_targets_stand_beside_their_words(arrays):
    words, labels = (np.load(arrays / f"test_{kind}.npy") for kind in ("words", "labels"))
    assert set(labels[:, -1]) <= set(range(15))
    assert ((words > 0) == (labels[:, :-1] >= 0)).all()
    made = problem("brown", arrays)
    batch = next(made.splits["test"].batches(3, CPU))
    outputs = made.forward(made.network(), batch, [0, 2])
    for k, target in ((0, batch[1][:, :-1]), (2, batch[0][:, 1:])):
        known = target >= (0 if k == 0 else brown.FIRST)
        logits = outputs[k // 2][:, : target.shape[1]][known]
        expected = torch.nn.functional.cross_entropy(logits, target[known])
        torch.testing.assert_close(made.loss(k, outputs[k // 2], batch), expected)


def test_no_text_is_in_two_splits(tmp_path):
    """Every text's paragraphs have a length of their own."""
    names = [f"c{genre}{n:02}" for genre in brown.GENRES for n in (1, 2, 3)]
    archive(
        tmp_path / "brown.tgz", {name: "\n\n".join([" ".join(["a/at"] * n)] * 2) for n, name in enumerate(names, 2)}
    )
    data = brown.Data(train=40, val=40, test=40, length=50)
    brown.prepare(tmp_path, tmp_path, data)
    lengths = [set((np.load(tmp_path / f"{split}_words.npy") > 0).sum(1)) for split in ("train", "val", "test")]
    assert [len(one) for one in lengths] == [15, 15, 15]
    assert len(set.union(*lengths)) == len(names)


def test_no_word_sees_what_follows_and_padding_changes_nothing(arrays):
    network = problem("brown", arrays).network().eval()
    words = torch.randint(2, 9, (2, 8), generator=torch.Generator().manual_seed(0))
    other = words.clone()
    other[:, 5:] = 3
    (one,), (two,) = network(words, [0]), network(other, [0])
    torch.testing.assert_close(one[:, :5], two[:, :5])
    assert not torch.allclose(one[:, 5:], two[:, 5:])
    short = words.clone()
    short[:, 5:] = 0
    torch.testing.assert_close(network(short, [1])[0], network(words[:, :5], [1])[0])


def test_f1_is_the_mean_over_the_genres_that_occur(arrays):
    meter, found = problem("brown", arrays, tasks=["genre"]).meter(), torch.eye(15)
    for true, said in (([0, 0, 0, 1], [0, 0, 1, 1]), ([2], [1])):
        meter.update({0: found[said]}, (torch.empty(0), torch.tensor(true).unsqueeze(1)))
    # Of 0: two found, one missed; of 1: one found, two false alarms; of 2: none found.
    assert meter.compute()["genre"]["F1"] == pytest.approx(100 * (4 / 5 + 2 / 4 + 0) / 3)


def test_only_the_adapters_are_trained_and_perturbed(adapted):
    made = problem("brownlora", adapted)
    network = made.network()
    assert isinstance(network, MultiTaskNetwork)
    assert not {id(p) for p in network.heads.parameters()} & {id(p) for p in network.trunk.parameters()}
    shared = {name: p for name, p in network.trunk.named_parameters() if p.requires_grad}
    assert shared
    assert all("lora_" in name for name in shared)
    base = load_file(adapted / "trunk.safetensors")
    assert torch.equal(dict(network.trunk.named_parameters())["words.weight"], base["words.weight"])
    batch = next(made.splits["train"].batches(8, CPU, torch.Generator().manual_seed(0)))
    update = samo.MultiTaskUpdate(network.trunk, network.heads, sharpness=samo.preset("samo"))
    update.backward(lambda tasks: made.losses(network, batch, tasks))
    assert {name for name, p in network.trunk.named_parameters() if p.grad is not None} == set(shared)


def test_weights_of_another_trunk_are_refused(adapted, tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"words.weight": torch.zeros(3, 16)}, path)
    for content in (path.read_bytes(), b"no weights"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"other\.safetensors: no weights of this trunk"):
            problem("brownlora", adapted, lora={"rank": 2, "weights": str(path)}).network()


def test_what_is_no_corpus_is_named(tmp_path):
    path = texts(tmp_path / "raw") / "brown.tgz"
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ValueError, match=r"brown\.tgz: no whole archive"):
        brown.read(path)
    archive(path, {"ca01": "no tags. "})
    with pytest.raises(ValueError, match=r"ca01: 'no' is no word/tag"):
        brown.read(path)
