"""Requests to an OpenAI-compatible endpoint."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple

from mmtadp.utils.resumable import RunError

from .budget import Budget, estimate_tokens

_RETRIED_STATUS = frozenset([408, 409, 425, 429, 500, 502, 503, 504])
_LONGEST_PAUSE = 60.0  # seconds


class Answer(NamedTuple):
    """What a model said.

    Attributes:
        text (str): The message.
        complete (bool): False if it was cut off at its longest.
    """

    text: str
    complete: bool


class ChatEndpoint:
    """Asks a model, patiently but not forever.

    Args:
        url (str): The base, such as 'https://host/v1', or all of it with '/chat/completions'.
        model (str): Name of the model there.
        budget (Budget): What may be spent.
        api_key (str, optional): Sent as a bearer token.
        retries (int): How often a request that fails for a reason that may pass (no connection,
            time-out, 429, 5xx, an answer that is not JSON) is repeated, with pauses of 1, 2, 4, …
            seconds or what the server asks for, at most a minute. Defaults to 5.
        timeout (float): Seconds to wait for an answer. Defaults to 60.
        sleep (Callable[[float], None]): Waits. Defaults to :func:`time.sleep`.
    """

    def __init__(
        self,
        url: str,
        model: str,
        budget: Budget,
        api_key: str | None = None,
        retries: int = 5,
        timeout: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ):
        if not url.startswith(('http://', 'https://')):
            raise RunError(f'endpoint {url!r}: expected http(s)://HOST/v1')
        url = url.rstrip('/')
        self.url = url if url.endswith('/chat/completions') else f'{url}/chat/completions'
        self.model = model
        self.budget = budget
        self._headers = {'Content-Type': 'application/json'}
        if api_key:
            self._headers['Authorization'] = f'Bearer {api_key}'
        self._retries = retries
        self._timeout = timeout
        self._sleep = sleep

    def ask(self, system: str, user: str, most_tokens: int) -> Answer:
        """Asks once, and again as long as it may help.

        Args:
            system (str): What the model is to do.
            user (str): What it is to do it with.
            most_tokens (int): The longest answer.

        Returns:
            Answer: What it said.

        Raises:
            BudgetSpentError: If the request may exceed the budget.
            RunError: If there is no answer.
        """
        for attempt in range(self._retries + 1):
            self.budget.check(system + user, most_tokens)
            pause = min(2.0**attempt, _LONGEST_PAUSE)
            try:
                answer = self._post(system, user, most_tokens)
            except urllib.error.HTTPError as error:
                reason = f'{error.code} {error.reason}: {_first_line(error)}'
                if error.code not in _RETRIED_STATUS:
                    raise RunError(
                        f'{self.url} refuses: {reason}. Check --endpoint, --model and the key.'
                    ) from error
                pause = _asked_pause(error, pause)
            except (TimeoutError, http.client.HTTPException, ValueError) as error:
                # It may have been answered, and charged, all the same.
                self.budget.spend(estimate_tokens(system + user), most_tokens)
                reason = f'{type(error).__name__}: {error}'
            except OSError as error:
                reason = f'{type(error).__name__}: {error}'
            else:
                # Also what is asked again is paid for.
                text, found = _read_message(answer)
                tokens = _read_usage(answer) or (
                    estimate_tokens(system + user),
                    estimate_tokens(text or ''),
                )
                self.budget.spend(*tokens)
                if found is not None:
                    return found
                reason = f'an answer without a message: {json.dumps(answer)[:200]}'
            if attempt < self._retries:
                self._sleep(pause)
        raise RunError(
            f'{self.url} gave no answer in {self._retries + 1} attempts ({reason}). What is done '
            'is kept: the same command continues.'
        )

    def _post(self, system: str, user: str, most_tokens: int) -> Any:
        messages = [dict(role='system', content=system), dict(role='user', content=user)]
        body = dict(model=self.model, messages=messages, temperature=0, max_tokens=most_tokens)
        request = urllib.request.Request(self.url, json.dumps(body).encode(), self._headers)
        with urllib.request.urlopen(request, timeout=self._timeout) as response:
            return json.loads(response.read())


def _read_message(answer: Any) -> tuple[str | None, Answer | None]:
    try:
        choice = answer['choices'][0]
        text = choice['message']['content']
    except (KeyError, IndexError, TypeError):
        return None, None
    if not isinstance(text, str):
        return None, None
    return text, Answer(text, choice.get('finish_reason') in ('stop', None))


def _read_usage(answer: Any) -> tuple[int, int] | None:
    usage = answer.get('usage') if isinstance(answer, dict) else None
    if not isinstance(usage, dict):
        return None
    counts = usage.get('prompt_tokens'), usage.get('completion_tokens')
    return counts if all(isinstance(count, int) for count in counts) else None


def _first_line(error: urllib.error.HTTPError) -> str:
    try:
        lines = error.read(2000).decode(errors='replace').strip().splitlines()
    except (OSError, http.client.HTTPException):
        return ''
    return lines[0][:200] if lines else ''


def _asked_pause(error: urllib.error.HTTPError, pause: float) -> float:
    try:
        asked = float(error.headers.get('Retry-After', ''))
    except ValueError:
        return pause
    return min(max(asked, 0.0), _LONGEST_PAUSE)
