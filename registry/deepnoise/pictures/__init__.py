"""Plots that deepnoise draws, as PNG files."""
