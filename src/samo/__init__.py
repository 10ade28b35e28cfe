"""Sharpness-aware multi-task optimisation: SAMO, F-MTL and their relatives as one update."""

from samo import aggregation
from samo.gradients import task_gradients
from samo.sharpness import PRESETS, Sharpness, preset
from samo.update import MultiTaskUpdate

__all__ = ["PRESETS", "MultiTaskUpdate", "Sharpness", "aggregation", "preset", "task_gradients"]
