"""Runs over many inputs: finding them, naming their outputs, one job per input, and running the jobs."""
