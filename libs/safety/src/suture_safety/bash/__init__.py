"""bash: parsed by tree-sitter, walked by a small abstract interpreter that knows constants and unknowns."""
