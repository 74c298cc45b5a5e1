"""Run a script inside bounds and take it back: the protocol, bubblewrap, the runner."""
