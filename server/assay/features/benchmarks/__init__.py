"""Feature: benchmarks."""
