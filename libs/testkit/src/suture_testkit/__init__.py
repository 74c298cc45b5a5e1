"""Fixtures: broker, store and model server, as native processes or containers."""
