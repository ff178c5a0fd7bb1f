"""Feature: field schemas."""
