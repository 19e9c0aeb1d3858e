"""What `benchmarks/data.py` compares: the same sites through several loaders."""
