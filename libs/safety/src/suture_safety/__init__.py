"""Read a script and say what is wrong with it: text in, findings out."""
