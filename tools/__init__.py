"""Programs that keep the house: generation, linting rules, packaging checks."""
