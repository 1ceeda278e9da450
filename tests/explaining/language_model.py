"""A language model for tests: a server on this machine that answers as it is told."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def given(request):
    """Return the wordings that a request lets the model choose from, by id."""
    prompt = request["messages"][1]["content"]
    assert prompt.startswith("DATA\n") and prompt.endswith("\nEND OF DATA")
    return json.loads(prompt.removeprefix("DATA\n").removesuffix("\nEND OF DATA"))


def sentences(*pairs):
    """Return an answer of sentences, each with what it cites."""
    return json.dumps({"sentences": [{"text": t, "citations": list(c)} for t, c in pairs]})


def well(request):
    """Answer as a good model does: other wordings of the first things given, and the last."""
    said = list(given(request).items())
    return sentences(*((texts[-1], [name]) for name, texts in [*said[:6], said[-1]]))


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, headers, request))
        answer = self.server.behave(request)
        if isinstance(answer, str):
            message = {"role": "assistant", "content": answer}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            answer = 200, json.dumps({"id": "1", "object": "chat.completion", "created": 0,
                                      "model": "stub", "choices": [choice]})  # fmt: skip
        status, body = answer
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            for piece in [body] if isinstance(body, str) else body:
                self.wfile.write(piece.encode())
                self.wfile.flush()
        except OSError:
            # Whoever asked has gone: that is what a slow answer is for.
            pass

    def log_message(self, *args):
        """Keep quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


@contextmanager
def serve(behave):
    """Run a server; `behave` turns a request into text, or into a status and a body."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.behave, server.requests = behave, []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
