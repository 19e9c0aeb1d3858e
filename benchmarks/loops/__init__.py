"""Training loops that do the same maths from the same pack, of ours and of others."""
