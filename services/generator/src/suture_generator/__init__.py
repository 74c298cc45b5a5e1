"""Analysis in, script out."""
