"""Datasets: rows stored with splits, to train on and to evaluate against."""
