"""Approval in, verified and signed execution out."""
