"""Feature: ground truth."""
