"""Feature: extraction runs."""
