"""Takes secrets out of every text that leaves the gateway: ccxt's errors quote whole signed URLs and headers."""

import re
from collections.abc import Iterable

LONGEST = 300
HIDDEN = "***"
_NAMED = re.compile(
    r"(?i)((?:signature|listen_?key|api_?key|x-mbx-apikey|secret|passphrase|password|token)[\"']?\s*[=:]\s*[\"']?)[^\s&\"',}]+"
)
_QUERY = re.compile(r"(\b\w+://[^\s?\"']+)\?[^\s\"']+")
_SHORTEST = 4  # a shorter "secret" would hide ordinary words


class Redactor:
    """Replaces the known secrets, what stands after a telling name, and the query of every URL."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets: set[str] = set()
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        """One more string never to be shown, such as a listen key."""
        if len(secret) >= _SHORTEST:
            self._secrets.add(secret)

    def __call__(self, text: str) -> str:
        """The text on one line without secrets, cut to `LONGEST` characters."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        text = _QUERY.sub(rf"\1?{HIDDEN}", text)
        text = _NAMED.sub(rf"\1{HIDDEN}", text)
        text = " ".join(text.split())
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
