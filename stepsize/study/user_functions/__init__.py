"""Training by a user's function, one run at a time in each of several processes."""
