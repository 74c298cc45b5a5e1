"""The sandbox in a cluster: a run is a Job in its target's namespace, under that target's service account."""
