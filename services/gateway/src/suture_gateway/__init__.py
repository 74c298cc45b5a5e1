"""The HTTP API and the journal."""
