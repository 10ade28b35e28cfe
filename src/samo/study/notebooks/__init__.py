"""Notebooks run with parameters."""
