"""From the runs of a study to its answer: what was shown, what was not, and what to use."""
