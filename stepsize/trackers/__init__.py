"""A finished study in an experiment tracker: one run per candidate, and one for the study itself."""
