"""Accuracy by stage, per cell type, experiment and plate."""
