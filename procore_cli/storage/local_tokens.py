"""Tokens in a keyring or in files, from the proof before a sign-in to the deletion after a sign-out.

Refuses to write an entry twice and to use tokens that are not saved; each order of steps is a crash order.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from procore_cli import log
from procore_cli.errors import StorageError
from procore_cli.grants import TokenSet
from procore_cli.models import Account, Me, Service, User
from procore_cli.storage import account_rows, entries, files, users
from procore_cli.storage.entries import Entry, EntryStore
from procore_cli.storage.recovery import (
    Reading,
    State,
    delete_leftovers,
    look,
    read_state,
    recover,
    recover_free,
)
from procore_cli.storage.store import Held, SignedOut, SignInSaved
from procore_cli.storage.tokens_text import new_tokens_text

if TYPE_CHECKING:
    from procore_cli.storage.rows import Rows
    from procore_cli.storage.store import Claim, Reason


class LocalTokens:
    """The tokens of one environment's accounts, as `store.TokenStore`."""

    def __init__(self, entry_store: EntryStore) -> None:
        self._entry_store = entry_store
        self._locks = entry_store.locks
        self._database = entry_store.database
        self.environment = entry_store.environment

    def now(self) -> float:
        """Seconds (UTC) by this machine's clock."""
        return self._entry_store.clock()

    @log.phase("proof of the store")
    def prove(self) -> None:
        """Write, read back and delete a value as large as a token set, before a browser opens."""
        self._entry_store.open_store()
        with self._locks.hold(None):
            recover(self._entry_store, None)
            proof = self._entry_store.new_pending("proof", None)
            with self._entry_store.ended_on_failure(proof):
                count = self._entry_store.write(proof, os.urandom(files.PAYLOAD_CHARS // 2).hex())
                self._entry_store.delete(proof._replace(parts=count))
            with self._database.writing() as rows:
                entries.forget(rows, proof.name)

    @log.phase("saving")
    def save_signin(
        self, fresh: TokenSet, me: Me, company: int | None = None, *, makes_current: bool = True
    ) -> SignInSaved:
        """Save a sign-in whole or not at all: tokens, row, name and, if it `makes_current`, the session.

        With a `company` it is that of the app's service account there.
        """
        service = None if company is None else self._number_service(fresh.binding.client_id, company)
        account = Account(User(0, me.id, me.login), me.name, service=service)
        with self._locks.hold(account.key):
            # 0. Bring to an end what an earlier run left; its tokens are about to be replaced.
            recover(self._entry_store, account.key, skip_unreadable=True)
            former = self._find_former(account)
            # 1. Commit the new entry as pending.
            pending = self._entry_store.new_pending("signin", account.key)
            # 2. Write it and read it back.
            with self._entry_store.ended_on_failure(pending):
                count = self._entry_store.write(pending, new_tokens_text(fresh))
            # 3. In one transaction it counts, and the former one does no more.
            saved = self._commit_signin(pending, count, fresh, me, account, former, makes_current)
            # 4. Delete what is dead.
            delete_leftovers(self._entry_store, account.key)
            return saved

    @log.phase("tokens out of the store")
    def load(self, account: Account, *, waits: bool = False) -> Held | None:
        """The account's tokens, or None if it is not signed in.

        Needs no lock unless a refresh is pending: that is waited for in any case, since it may have ended.
        Raises NotSignedInError if the store has lost them.
        """
        return Reading(self._entry_store, account).run()

    def peek(self, account: Account) -> TokenSet | None:
        """The account's tokens as they lie, None where there are none: recovers nothing, waits for nobody."""
        with self._database.reading() as rows:
            live = entries.find_live(rows, account.key)
        return None if live is None else self._entry_store.read_tokens(live)

    def claim(self, account: Account, seen: Held, reason: Reason) -> Claim | None:
        """The account's lock, once what an earlier run left is recovered; None if there is news instead."""
        from procore_cli.storage.local_claim import claim

        return claim(self._entry_store, account, seen, is_refused=reason == "refused")

    def sign_out(self, account: Account) -> SignedOut:
        """The tokens count no more; returns them so that they can be revoked, then `clean` deletes them.

        Needs no lock: a refresh under way finds out when it saves. The row stays; if the account was
        current, nobody is.
        """
        self._recover_if_free(account)
        while True:
            state = look(self._entry_store, account)
            found, unread = None, None
            try:
                found = None if state.live is None else self._entry_store.read_tokens(state.live)
            except StorageError as error:
                unread = error
            if self._commit_signout(account, state):
                if state.live is None:
                    return SignedOut(None, was_live=False)
                return SignedOut(found, True, state.live.store, state.live.name, unread)

    def clean(self, account: Account, left: SignedOut | None = None) -> bool:
        """Delete what a sign-out left; False if what `left` names could not be deleted yet.

        Waits for the account's lock, unless whoever holds it cleans. Raises BusyError, StorageError.
        """
        with self._locks.hold(account.key, leave_when=lambda: self._is_deleted(left)) as held:
            if held:
                recover(self._entry_store, account.key, skip_unreadable=True)
        return self._is_deleted(left)

    def clean_free(self) -> bool:
        """Recover and delete at every account whose lock is free; False if something is left."""
        recover_free(self._entry_store)
        with self._database.reading() as rows:
            return not entries.list_unfinished(rows, self._entry_store.now())

    def _number_service(self, client_id: str, company: int) -> Service:
        with self._database.writing() as rows:
            return account_rows.number_service(rows, client_id, company)

    def _find_former(self, account: Account) -> TokenSet | None:
        with self._database.reading() as rows:
            live = entries.find_live(rows, account.key)
        if live is not None and (place := entries.find_other_folder(live, self._entry_store.home)):
            log.warn(
                f"The former tokens lie in the data folder {place}; they will not be revoked."
                " The next sign-in or sign-out there deletes them."
            )
            return None
        try:
            return self.peek(account)
        except StorageError as error:
            # It may lie in a store that is not there any more; a sign-in must work all the same.
            log.warn(f"The former tokens could not be read, so they will not be revoked: {error.message}")
            return None

    def _commit_signin(
        self,
        pending: Entry,
        count: int,
        fresh: TokenSet,
        me: Me,
        account: Account,
        former: TokenSet | None,
        makes_current: bool,
    ) -> SignInSaved:
        with self._database.writing() as rows:
            user, is_new = users.save_user(rows, me)
            account = account._replace(user=user)
            account_rows.save_name(rows, account.key, me.name)
            account_rows.clear_failure(rows, account.key)
            if account.service is not None:
                account_rows.save_service_id(rows, account.key, me.id)
            switched_from = _make_current(rows, account) if makes_current else None
            # Another data folder's must not put its tokens in the place of these.
            entries.end_refreshes(rows, account.key, self._entry_store.new_forget_after(), but=pending)
            entries.make_live(rows, pending, count, fresh.expires_at)
        return SignInSaved(account, is_new, former, switched_from)

    def _recover_if_free(self, account: Account) -> None:
        # A refresh that was interrupted may have left newer tokens than the live ones.
        if look(self._entry_store, account).is_refreshing:
            with self._locks.try_hold(account.key) as held:
                if held:
                    recover(self._entry_store, account.key, skip_unreadable=True)

    def _commit_signout(self, account: Account, seen: State) -> bool:
        """Nothing of the account is live here any more; False if it is not what was `seen` that is live."""
        with self._database.writing() as rows:
            now = read_state(rows, account)
            if now.live_name != seen.live_name:
                return False
            if seen.live is None and entries.find_live(rows, account.key):
                # It is another data folder's to end.
                return True
            entries.end_live(rows, account.key)
            account_rows.clear_failure(rows, account.key)
            current = account_rows.find_current(rows)
            if current is not None and current.key == account.key:
                account_rows.save_current(rows, None)
        return True

    def _is_deleted(self, left: SignedOut | None) -> bool:
        if left is None or left.name is None:
            return True
        with self._database.reading() as rows:
            return not entries.is_kept(rows, left.name)


def _make_current(rows: Rows, account: Account) -> Account | None:
    """It is the account's session from now on; returns whose it was, if another's."""
    former = account_rows.find_current(rows)
    if former is not None:
        former = None if former.key == account.key else account_rows.read_account(rows, former)
    account_rows.save_current(rows, account)
    return former
