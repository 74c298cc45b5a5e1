"""The interpreter of scripts of type ``config``: applies a diff or structured edits, then has them checked.

It runs inside the sandbox, on the scratch copies, as any script does; the runner puts its result in place.
"""
