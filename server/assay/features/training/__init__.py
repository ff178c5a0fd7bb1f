"""Feature: training."""
