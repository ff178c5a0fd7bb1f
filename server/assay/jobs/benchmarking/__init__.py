"""Benchmarks in compute children: pieces compared, counted, measured, and set side by side."""
