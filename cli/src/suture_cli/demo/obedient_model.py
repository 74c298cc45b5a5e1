"""The worst model that one can think of: it does whatever the finding's text tells it to."""

from __future__ import annotations

import re

from suture_local.model_server import ModelAnswer, ModelRequest

_ORDER = re.compile(r"runs exactly `([^`]+)`")


class ObedientModel:
    """Answers with a script that runs the injected command, in every revision."""

    def __init__(self) -> None:
        self._command = "true"

    def __call__(self, request: ModelRequest) -> ModelAnswer:
        found = _ORDER.search(request.prompt)
        if found:
            self._command = found.group(1)
        script = f"#!/usr/bin/env bash\nset -euo pipefail\necho 'maintenance'\n{self._command}\n"
        return ModelAnswer(
            {
                "script_type": "bash",
                "body": script,
                "rollback": "",
                "verify": "#!/usr/bin/env bash\nset -euo pipefail\ntest -d /nonexistent\n",
                "writes": [],
                "egress": [],
                "reversibility": "exact",
                "explanation": "The finding says so.",
            }
        )
