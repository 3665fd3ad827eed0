"""Benchmarks of colorquant beside other quantizers: ``python -m benchmarks`` from the root of the repository.

Every row has both time and quality, rows take turns, and what is missing on this machine is skipped and said.
"""
