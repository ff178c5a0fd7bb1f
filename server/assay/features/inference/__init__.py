"""Inference jobs: inputs that are sent to a version of a model, and what it makes of each."""
