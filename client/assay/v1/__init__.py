"""The wire: made by `make generate` from protos/assay/v1; never edited."""
