"""Calls through Envoy with the real curl, shown as they would be typed."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

MAX_LINES = 24
MARK = "\n--- "  # separates a body from what curl tells of it


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.text)


@dataclass(kw_only=True)
class Curl:
    """A shell's view of the REST routes, and which of them were seen."""

    base: str
    credential: str  # of the Authorization header
    console: Console
    seen: set[tuple[str, str]] = field(default_factory=set)  # (method, path)

    def __call__(
        self,
        path: str,
        *,
        method: str = "GET",
        body: object = None,
        file: Path | None = None,
        content_type: str = "text/csv",
        headers: tuple[str, ...] = (),
        credential: str | None = None,
        quiet: bool = False,
    ) -> Answer:
        """Run curl, print the command and the body, and return the answer.

        Args:
            path: the path with its query.
            method: the HTTP method.
            body: what is sent as JSON.
            file: what is sent instead.
            content_type: of the file.
            headers: more headers.
            credential: another Authorization header; "" sends none.
            quiet: True prints nothing.
        """
        shown = ["curl", "-s"]
        if method != "GET":
            shown += ["-X", method]
        chosen = self.credential if credential is None else credential
        if chosen:
            shown += ["-H", f"Authorization: {chosen}"]
        for header in headers:
            shown += ["-H", header]
        if file is not None:
            shown += ["-H", f"Content-Type: {content_type}", "--data-binary", f"@{file}"]
        elif body is not None:
            shown += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        shown.append(self.base + path)
        told = ["--noproxy", "*", "--max-time", "60", "-w", MARK + "%{http_code} %{header_json}"]
        done = subprocess.run(
            [shown[0], *told, *shown[1:]],
            capture_output=True,
            text=True,
            errors="replace",  # an artifact is no text
            check=True,
        )
        text, _, tail = done.stdout.rpartition(MARK)
        code, _, head = tail.partition(" ")
        answer = Answer(
            status=int(code),
            text=text,
            headers={name: values[-1] for name, values in json.loads(head).items()},
        )
        self.seen.add((method, path.partition("?")[0]))
        if not quiet:
            self._print(shown, chosen, answer)
        return answer

    def _print(self, shown: list[str], credential: str, answer: Answer) -> None:
        # Nobody should see a whole secret scroll by, not even that of a demo.
        words = [word.replace(credential, _short(credential)) for word in shown]
        self.console.print(f"$ {shlex.join(words)}", style="bold", markup=False, soft_wrap=True)
        lines = pretty(answer.text).splitlines()
        cut = [*lines[:MAX_LINES], f"… {len(lines) - MAX_LINES} more lines"]
        style = "red" if answer.status >= 400 else "green"
        self.console.print(f"HTTP {answer.status}", style=style)
        for line in lines if len(lines) <= MAX_LINES else cut:
            self.console.print(f"  {line[:160]}", markup=False, soft_wrap=True)

    def unseen(self, routes: list[dict[str, Any]]) -> list[str]:
        """Return the routes that no call has taken."""
        return [
            f"{route['method']} {route['path']}"
            for route in routes
            if not any(
                method == route["method"] and re.fullmatch(_pattern(route["path"]), path)
                for method, path in self.seen
            )
        ]


def pretty(text: str) -> str:
    """Return JSON with indents, and anything else as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _pattern(path: str) -> str:
    parts = re.split(r"(\{[^}]*\})", path)
    return "".join("[^/:]+" if part.startswith("{") else re.escape(part) for part in parts)


def _short(credential: str) -> str:
    return credential if len(credential) < 24 else f"{credential[:16]}…"
