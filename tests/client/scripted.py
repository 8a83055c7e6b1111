"""A node that answers what a test tells it to: for faults that a real one does not show at will."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict
    body: bytes

    @property
    def document(self):
        return json.loads(self.body)


@dataclass
class ScriptedNode:
    """Answers each request by `script(asked)` -> (status, headers, body), in whatever thread it comes."""

    script: object = None
    asked: list = field(default_factory=list)
    url: str = ""

    def answers(self, *answers):
        """Answer one after the other; the last one for ever."""
        waiting = list(answers)
        self.script = lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def document(content, status=200, **headers):
    return status, {"Content-Type": "application/json", **headers}, json.dumps(content).encode()


def problem(status, code="refused", detail="No.", **headers):
    return document({"type": "x", "code": code, "status": status, "detail": detail}, status, **headers)


@contextmanager
def serve():
    """Serve a scripted node on a port of its own."""
    node = ScriptedNode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            length = int(self.headers.get("Content-Length") or 0)
            asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
            node.asked.append(asked)
            answer = node.script(asked)
            if answer is None:
                self.close_connection = True
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that the standard library calls

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    node.url = f"http://127.0.0.1:{server.server_port}"
    yield node
    server.shutdown()
    server.server_close()
    thread.join()
