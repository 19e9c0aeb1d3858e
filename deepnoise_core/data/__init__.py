"""Screens, image stores, statistics, splits, batches and the simulator."""
