"""Sweeps: a recipe with some of its fields varied, each combination trained with several seeds."""
