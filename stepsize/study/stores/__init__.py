"""Stores: the files that keep the runs of studies, shared by processes, checked and merged."""
