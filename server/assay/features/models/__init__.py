"""Feature: models."""
