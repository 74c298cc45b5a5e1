"""The runner in a pod: the same claim, snapshot, body, verification and undoing, on a cluster's objects."""
