"""Metrics: pure functions from answers and truths to numbers, under the name of their protocol."""
