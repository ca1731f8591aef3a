"""The partner's side of the sandbox's Pamela: its API keys and its subscription."""

from billing.sandbox.pamela.accounts import KEY_PREFIX, Account, ApiKey
from billing.sandbox.pamela.call import Document, written
from billing.sandbox.pamela.errors import Code, Refusal, invalid
from billing.sandbox.pamela.request import PamelaRequest, bearer

CHECKOUT = "https://checkout.stripe.com/c/pay/cs_test_sandbox"
PORTAL = "https://billing.stripe.com/p/session/test_sandbox"


def create_key(asked: PamelaRequest) -> Document:
    """Make a key for the user's account or for one of its projects; shown once."""
    given = asked.document()
    if given.get("key_prefix", KEY_PREFIX) != KEY_PREFIX:
        raise invalid(f"key_prefix is {KEY_PREFIX}.", field="key_prefix")
    account = _project(asked, given.get("project_id"))
    secret = KEY_PREFIX + asked.state.new_id("key").removeprefix("key_")
    kept = asked.state.add_key(account, secret, asked.now)
    return {**kept.to_json(account.project_id), "success": True, "key": secret}


def list_keys(asked: PamelaRequest) -> Document:
    """List the keys of all the user's accounts, without their secrets."""
    return {"items": [key.to_json(one.project_id) for one, key in _keys(asked)]}


def revoke_key(asked: PamelaRequest) -> Document:
    """Make a key invalid for good."""
    for account, key in _keys(asked):
        if key.id == asked.name:
            with asked.state.lock:
                key.revoked_at = key.revoked_at or written(asked.now)
                asked.state.changed()
            return {**key.to_json(account.project_id), "success": True}
    raise Refusal(404, None, "There is no such key.", {"key_id": asked.name})


def show_subscription(asked: PamelaRequest) -> Document:
    """Return the subscription's status and the end of its grace."""
    return asked.account.subscription.to_json()


def checkout(asked: PamelaRequest) -> Document:
    """Return where a subscription could be bought; in a sandbox nobody goes there."""
    return {"url": CHECKOUT, "partner_id": asked.account.partner_id}


def portal(asked: PamelaRequest) -> Document:
    """Return where a subscription could be changed; in a sandbox nobody goes there."""
    return {"url": PORTAL, "partner_id": asked.account.partner_id}


def _accounts(asked: PamelaRequest) -> list[Account]:
    return asked.state.accounts_of_user(bearer(asked.request))


def _keys(asked: PamelaRequest) -> list[tuple[Account, ApiKey]]:
    return [(account, key) for account in _accounts(asked) for key in account.keys]


def _project(asked: PamelaRequest, project_id: object) -> Account:
    """Return the account of a project; without one the user's first account."""
    if project_id is None:
        return asked.account
    for account in _accounts(asked):
        if account.project_id == project_id:
            return account
    raise Refusal(404, Code.PROJECT_NOT_FOUND, details={"project_id": project_id})
