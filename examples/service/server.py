"""A small HTTP service that reads its database configuration at every request.

It answers 200 while the file is there and sane, else 503 and why. Standard library alone:

    python server.py --config /srv/orders/etc/database.conf --port 8080 --connections 5
"""

from __future__ import annotations

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

REQUIRED = ("host", "port", "name", "user", "pool_size")


class NotConfigured(Exception):
    """What is wrong with the file."""


def read_configuration(path: Path, connections: int) -> dict[str, str]:
    """The file's keys and values. Raises ``NotConfigured``."""
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise NotConfigured(f"{path}: {error.strerror}") from None
    pairs = (line.partition("=") for line in lines if line.strip() and not line.startswith("#"))
    values = {key.strip(): value.strip() for key, _, value in pairs}
    for key in REQUIRED:
        if not values.get(key):
            raise NotConfigured(f"{path}: {key} is missing")
    for key in ("port", "pool_size"):
        if not values[key].isdigit():
            raise NotConfigured(f"{path}: {key} is not a number: {values[key]}")
    if int(values["pool_size"]) < connections:
        raise NotConfigured(f"connection pool exhausted: {connections} wanted, {values['pool_size']} allowed")
    return values


def handler(config: Path, connections: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                values = read_configuration(config, connections)
                status, answer = 200, {"status": "ok", "database": values["name"]}
            except NotConfigured as problem:
                status, answer = 503, {"status": "unavailable", "reason": str(problem)}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Says nothing: whoever asks gets the reason."""

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=5, help="how many it needs at once")
    options = parser.parse_args()
    address = ("127.0.0.1", options.port)
    ThreadingHTTPServer(address, handler(options.config, options.connections)).serve_forever()


if __name__ == "__main__":
    main()
