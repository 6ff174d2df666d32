"""The keys that secrets are encrypted with: as the environment gives them, or made up
once for a checkout without a DATABASE_URL (demo, test and serve).
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Keys:
    secret_key: str
    fernet_key: str


def development_keys(folder: Path) -> Keys:
    """The keys under `folder`, made at first use and readable by their owner only."""
    path = folder / "keys.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        keys = Keys(secrets.token_urlsafe(50), secrets.token_urlsafe(50))
        draft = folder / f"keys.{os.getpid()}.json"
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(keys)))
        try:
            # Of two processes that start at once, the first to link wins.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return Keys(**json.loads(path.read_text()))


def trimmed(keys: Sequence[str]) -> list[str]:
    """Without the blanks that stand around them in a list, which nobody sees.

    Keys as they were written come last: with them an older release has encrypted.
    """
    return [key.strip() for key in keys] + [key for key in keys if key != key.strip()]
