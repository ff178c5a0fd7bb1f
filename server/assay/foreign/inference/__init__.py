"""The Open Inference Protocol, version 2, as package `inference` on the wire."""
