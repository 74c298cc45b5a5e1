"""The sandbox on another machine, by SSH: the same runner, in that machine's own bubblewrap."""
