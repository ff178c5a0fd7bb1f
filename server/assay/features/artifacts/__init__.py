"""Feature: artifacts."""
