"""Networks as plain modules: one file a network, each with a trunk and one head a task."""
