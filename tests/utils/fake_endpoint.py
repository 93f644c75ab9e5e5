"""An OpenAI-compatible endpoint on this machine that errs when it is told to."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# From the numbered captions of a request to the numbered ones of the answer.
Change = Callable[[dict[str, str]], Any]


def clean(numbered: dict[str, str]) -> dict[str, str]:
    """Clean the captions as asked."""
    return {
        number: re.sub(r'^a watercolor painting of ', '', text)
        for number, text in numbered.items()
    }


class FakeEndpoint:
    """Answers as a plan says, then well.

    Attributes:
        plan (list): What the next answers are: a status code, bytes of a body, or a function from
            the request's captions to the answer's, or to the text of the message.
        asked (list[dict]): The captions of each request.
        keys (list): The Authorization header of each.
    """

    def __init__(self):
        self.plan: list[int | bytes | Change] = []
        self.asked: list[dict[str, str]] = []
        self.keys: list[str | None] = []
        self.url = ''
        self.usage = True

    def respond(self, request: dict) -> tuple[int, bytes]:
        """Status and body."""
        numbered = json.loads(request['messages'][1]['content'])
        self.asked.append(numbered)
        step = self.plan.pop(0) if self.plan else clean
        if isinstance(step, int):
            return step, b'{"error": "no"}'
        if isinstance(step, bytes):
            return 200, step
        content = step(numbered)
        finish = 'stop'
        if isinstance(content, tuple):
            content, finish = content
        text = content if isinstance(content, str) else json.dumps(content)
        body = dict(choices=[dict(message=dict(content=text), finish_reason=finish)])
        if self.usage:
            body['usage'] = dict(prompt_tokens=100, completion_tokens=10)
        return 200, json.dumps(body).encode()


@contextmanager
def serve() -> Iterator[FakeEndpoint]:
    """Run an endpoint in a thread."""
    endpoint = FakeEndpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            endpoint.keys.append(self.headers.get('Authorization'))
            request = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
            status, body = endpoint.respond(request)
            self.send_response(status)
            # A body may end before its time.
            self.send_header('Content-Length', str(len(body) + (body == b'{"choices"')))
            if status == 429:
                self.send_header('Retry-After', '7')
            self.end_headers()
            with suppress(OSError):  # The other side may be gone.
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    endpoint.url = f'http://127.0.0.1:{server.server_port}/v1'
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
