"""Training by a function of the user, one run at a time in each of several processes."""
