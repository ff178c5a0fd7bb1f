"""Feature: open_inference."""
