"""Networks as plain modules: one file per network, each with a trunk and one head per task."""
