"""How a condition is trained: problem, settings, loop, schedule, search, evaluation."""
