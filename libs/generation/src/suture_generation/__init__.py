"""From a finding or a vulnerability to a script: analysis, templates, model providers."""
