"""A small causal Transformer over words (Vaswani et al. 2017, layers as in GPT-2: LayerNorm first), with adapters."""

from pathlib import Path
from typing import NamedTuple, cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from samo.models.multitask import MultiTaskNetwork

PAD = 0
"""The word that fills up a short text, at its end; no other word sees it."""


class Encoded(NamedTuple):
    """What the trunk gives."""

    features: Tensor  # [N, T, width]
    real: Tensor  # [N, T], whether there is a word
    embedding: Tensor  # [words, width], the trunk's own weight


class Transformer(nn.Module):
    """The trunk: words [N, T] -> `Encoded`, where each position attends to itself and those to its left."""

    def __init__(self, words: int, length: int, width: int, layers: int, attention_heads: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
        self.layers = nn.Sequential(*(Layer(width, attention_heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)

    def forward(self, words: Tensor) -> Encoded:
        places = torch.arange(words.shape[1], device=words.device)
        features = self.norm(self.layers(self.words(words) + self.places(places)))
        return Encoded(features, words != PAD, self.words.weight)


class Layer(nn.Module):
    """Attention and a perceptron of one hidden layer, each behind a LayerNorm and beside a shortcut: [N, T, width]."""

    def __init__(self, width: int, attention_heads: int) -> None:
        super().__init__()
        self.attention_heads = attention_heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.mixed = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.inward, self.outward = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        parts = self.query_key_value(self.norm1(x)).view(n, length, 3, self.attention_heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        with sdpa_kernel(SDPBackend.MATH):  # the others have no second derivative, which curvature takes
            seen = scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.mixed(seen.transpose(1, 2).reshape(n, length, width))
        return cast("Tensor", x + self.outward(nn.functional.gelu(self.inward(self.norm2(x)))))


class EachWord(nn.Module):
    """A head that says something of every word: [N, T, outputs]."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, outputs)

    def forward(self, encoded: Encoded) -> Tensor:
        return cast("Tensor", self.linear(encoded.features))


class WholeText(EachWord):
    """A head that says something of the text, by the mean over its words: [N, outputs]."""

    def forward(self, encoded: Encoded) -> Tensor:
        real = encoded.real.unsqueeze(2)
        return cast("Tensor", self.linear((encoded.features * real).sum(1) / real.sum(1).clamp(min=1)))


class NextWord(EachWord):
    """A head that says what comes next: [N, T, words]. `outputs` is the width: its last weight is the embedding."""

    def forward(self, encoded: Encoded) -> Tensor:
        return super().forward(encoded) @ encoded.embedding.T


def build(trunk: Transformer, heads: list[nn.Module]) -> MultiTaskNetwork:
    """The network of a trunk, which is drawn anew from torch's global generator as GPT-2's: normal, 0.02; biases 0."""
    for module in trunk.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
    return MultiTaskNetwork(trunk, heads)


def adapt(trunk: Transformer, weights: Path, rank: int) -> None:
    """Fill a trunk from a file of safetensors, freeze it, and add trained adapters to its linear layers.

    LoRA (Hu et al. 2022): a linear layer's weight W becomes W + B A, A [rank, inputs] and B [outputs, rank], B 0 at
    first. Only A and B are trained, so a perturbation lives in them.

    Raises:
        ValueError: the file cannot be read, or holds another network's weights.
    """
    from peft import LoraConfig, inject_adapter_in_model

    try:
        trunk.load_state_dict(load_file(weights))
    except Exception as error:  # whatever a file may hold
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{weights}: no weights of this trunk ({reason})") from error
    layers = ["query_key_value", "mixed", "inward", "outward"]
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, target_modules=layers), trunk)
