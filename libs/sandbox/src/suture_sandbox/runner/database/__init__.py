"""The runner for databases: claim, copy of rows, change, bound and assertion in one transaction."""
