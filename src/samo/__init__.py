"""Sharpness-aware multi-task optimisation: SAMO, F-MTL and their relatives as one update."""
