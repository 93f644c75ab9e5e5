"""Send requests to an OpenAI-compatible endpoint."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from mmtadp.utils.errors import RunError

from .budget import Budget, estimate_tokens

_RETRIED_STATUS = frozenset([408, 409, 425, 429, 500, 502, 503, 504])
_LONGEST_PAUSE = 60.0  # seconds


class Answer(NamedTuple):
    """A model's answer.

    Attributes:
        text (str): The message.
        complete (bool): False if it was cut off at the longest length.
    """

    text: str
    complete: bool


class ChatEndpoint:
    """Ask a language model, with a bounded number of retries.

    Args:
        url (str): The base, such as 'https://host/v1', or the whole URL with '/chat/completions'.
        model (str): Name of the model at the endpoint.
        budget (Budget): Limits the requests.
        api_key (str, optional): Sent as a bearer token.
        retries (int): How often to repeat a request that fails for a reason that may pass (no
            connection, time-out, 429, 5xx, an answer that is not JSON). The pauses are 1, 2, 4, …
            seconds or the time that the server asks for, at most a minute. Defaults to 5.
        timeout (float): Seconds to wait for an answer. Defaults to 60.
        sleep (Callable[[float], None]): Waits. Defaults to :func:`time.sleep`.

    Raises:
        RunError: If the URL is not one, or the key cannot be sent.
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
        if not _is_http(url):
            raise RunError(f'endpoint {url!r}: expected http(s)://HOST/v1')
        api_key = (api_key or '').strip()
        if not api_key.isascii() or not api_key.isprintable():
            # Not shown: errors end up in logs.
            raise RunError(
                'the API key holds characters that a request cannot carry: check the variable '
                'that --key-env names.'
            )
        # The client appends other paths to a URL without this one.
        self.url = url.rstrip('/').removesuffix('/chat/completions') + '/chat/completions'
        self.model = model
        self.budget = budget
        self._retries = retries
        self._sleep = sleep
        # Without a key, the client would send the user's token of the Hugging Face hub.
        self._client = InferenceClient(
            base_url=self.url, api_key=api_key or 'none', timeout=timeout
        )

    def ask(self, system: str, user: str, max_tokens: int) -> Answer:
        """Return the model's answer, after as many attempts as necessary.

        Args:
            system (str): The model's task.
            user (str): The text to work on.
            max_tokens (int): The longest answer.

        Raises:
            BudgetSpentError: If the request may exceed the budget.
            RunError: If there is no answer.
        """
        messages = [dict(role='system', content=system), dict(role='user', content=user)]
        sent = estimate_tokens(system + user)
        for attempt in range(self._retries + 1):
            self.budget.check(system + user, max_tokens)
            pause = min(2.0**attempt, _LONGEST_PAUSE)
            try:
                answer = self._client.chat_completion(
                    messages, model=self.model, max_tokens=max_tokens, temperature=0
                )
            except HfHubHTTPError as error:
                response = error.response
                body = response.text.strip().partition('\n')[0][:200]
                reason = f'{response.status_code} {response.reason_phrase}: {body}'
                if response.status_code not in _RETRIED_STATUS:
                    raise RunError(
                        f'{self.url} refuses: {reason}. Check --endpoint, --model and the key.'
                    ) from error
                pause = _requested_pause(response.headers.get('Retry-After', ''), pause)
            except OfflineModeIsEnabled as error:
                raise RunError(f'{error} Or run this command with HF_HUB_OFFLINE=0.') from error
            except Exception as error:  # The HTTP library differs between versions of the client.
                reason = f'{type(error).__name__}: {error}'
                if type(error).__name__ != 'ConnectError':
                    # It may have been answered, and charged, all the same.
                    self.budget.spend(sent, max_tokens)
            else:
                message = _read_message(answer)
                # An answer without a message is paid for, too.
                used = _read_usage(answer)
                self.budget.spend(
                    *used or (sent, estimate_tokens(message.text if message else ''))
                )
                if message is not None:
                    return message
                reason = f'an answer without a message: {str(answer)[:200]}'
            if attempt < self._retries:
                self._sleep(pause)
        raise RunError(
            f'{self.url} gave no answer in {self._retries + 1} attempts ({reason}). Results so '
            'far are kept: the same command continues.'
        )


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # Reading the port checks it.
        return parts.scheme in ('http', 'https') and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _read_message(answer: Any) -> Answer | None:
    try:
        choice = answer.choices[0]
        text, finish = choice.message.content, choice.finish_reason
    except (AttributeError, IndexError, TypeError):
        return None
    return Answer(text, finish in ('stop', None)) if isinstance(text, str) else None


def _read_usage(answer: Any) -> tuple[int, int] | None:
    usage = getattr(answer, 'usage', None)
    tokens = [getattr(usage, f'{kind}_tokens', None) for kind in ('prompt', 'completion')]
    # A server that counts down would lift the caps.
    is_count = all(isinstance(count, int) and count >= 0 for count in tokens)
    return tuple(tokens) if is_count else None


def _requested_pause(retry_after: str, pause: float) -> float:
    try:
        return min(max(float(retry_after), 0.0), _LONGEST_PAUSE)
    except ValueError:
        return pause
