"""The sandbox for databases: a run is one transaction, which also holds its claim and what it replaced."""
