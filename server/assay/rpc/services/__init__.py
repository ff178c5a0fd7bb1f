"""One handler class a service: require, convert, call, convert."""
