"""Finding in, analysis out."""
