"""The gRPC server: pipeline, interceptors, refusals, paging."""
