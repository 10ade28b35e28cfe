"""Pixel-wise problems (class, depth, surface normal): the papers' losses, metrics and augmentation."""
