"""What Assay does: one module a resource, one verb a function; speaks domain, knows no wire."""
