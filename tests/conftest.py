"""One thread a test process: several run side by side, and results must not depend on how many."""

import torch

torch.set_num_threads(1)
