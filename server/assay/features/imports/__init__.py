"""Feature: imports."""
