"""What `assignment.py` measures, one kind of question a module."""
