"""The commands: `run` is the command, `EXAMPLE` the last lines of its help."""
