"""The Envoy gateway: configuration, rendering, process."""
