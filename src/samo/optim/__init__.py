"""The step: trunk and heads in, gradients out. Knows torch, torchjd and `samo.aggregation` alone."""
