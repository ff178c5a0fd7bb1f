"""The wire: the only room that imports grpc. A handler requires, converts, calls and converts."""
