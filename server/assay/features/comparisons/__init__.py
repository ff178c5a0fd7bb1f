"""Feature: comparisons."""
