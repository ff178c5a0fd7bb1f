"""The catalogue of models, as clients that run models read it."""
