"""Run a function for several members at once; README.md in this folder explains how."""
