"""What `benchmarks/semi.py` and `benchmarks/semilearn_parity.py` share: a small network, strategies by name."""
