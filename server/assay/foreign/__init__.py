"""Messages of protocols that others define: made by `make generate` from protos/foreign."""
