"""Trainings on a GPU, of ours and by hand, and what they are held to."""
