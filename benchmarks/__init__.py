"""Benchmarks: one suite a capability, each beside its peers; `python -m benchmarks.report`, `python -m benchmarks.bars`."""
