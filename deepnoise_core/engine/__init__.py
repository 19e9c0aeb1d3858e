"""Training, prediction, checkpoints, EMA, schedules and losses."""
