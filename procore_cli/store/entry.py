"""A line of the list of secret entries, as the database has it; holds no secret.

Times are whole seconds since the epoch (UTC).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from procore_cli.models import StoreName

EntryKind = Literal["signin", "refresh", "proof"]
EntryState = Literal["pending", "live", "dead"]


class Entry(NamedTuple):
    """A line of the list of secret entries; the secret itself lies in the store that it names.

    `place`: the data folder whose files hold it; None for a keyring, and where it was never noted.
    """

    name: str
    store: StoreName
    environment: str
    procore_id: int | None
    kind: EntryKind
    state: EntryState
    created_at: int
    expires_at: int | None = None
    parts: int | None = None
    forget_after: int | None = None
    place: str | None = None
