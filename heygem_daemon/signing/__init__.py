"""Signs results with C2PA, in two short processes: one has the key, one reads the media."""
