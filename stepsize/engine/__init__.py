"""Train populations: every run of a study in compiled programs, in a process of their own."""
