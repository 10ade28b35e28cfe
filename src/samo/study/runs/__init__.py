"""A condition's search and runs, and what they leave on disk."""
