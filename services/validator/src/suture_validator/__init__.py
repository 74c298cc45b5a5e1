"""Script in, signed verdict out."""
