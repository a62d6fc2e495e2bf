"""From the jobs of a problem to calls of the trainer, and back to runs."""
