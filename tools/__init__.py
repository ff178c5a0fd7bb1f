"""Programs of the repository: generation, linting rules, packaging checks."""
