"""What several datasets, or one long one, are made of: raw files, arrays, splits, losses, metrics."""
