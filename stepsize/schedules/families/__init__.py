"""The families of schedules: one class for each formula, one file for each kind."""
