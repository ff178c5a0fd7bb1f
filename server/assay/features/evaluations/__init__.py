"""Feature: evaluations."""
