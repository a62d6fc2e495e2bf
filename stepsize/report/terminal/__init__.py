"""Answers, maps of rates, range tests and laws as text for a terminal."""
