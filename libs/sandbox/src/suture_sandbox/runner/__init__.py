"""The trusted part of a run: it claims, keeps, runs, verifies and takes back.

A process of its own, of the standard library alone, and of little of that: every run pays for each import.
"""
