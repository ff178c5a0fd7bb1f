"""`make demo`: real models, really fitted, measured by a real service and compared."""
