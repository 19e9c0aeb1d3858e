"""Comparisons: what recipes differ in, and what their seeds came to on the same held-out wells."""
