"""The tagged Brown corpus: part of speech, genre and next word, a task each; see `samo.datasets.parts.brown`."""

from samo.datasets.parts.brown import RAW, Data, Training, prepare, problem

__all__ = ["RAW", "Data", "Training", "prepare", "problem"]
