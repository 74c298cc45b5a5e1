"""Verdict in, signed approval out."""
