"""Measurements beside Celery, on the same broker, in the same run."""
