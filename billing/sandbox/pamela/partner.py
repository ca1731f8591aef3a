"""The partner's side of the sandbox's Pamela: its API keys and its subscription."""

from billing.sandbox.pamela.accounts import KEY_PREFIX, Account, ApiKey
from billing.sandbox.pamela.call import Document, written
from billing.sandbox.pamela.errors import Code, Refusal, invalid
from billing.sandbox.pamela.request import PamelaRequest, bearer

CHECKOUT = "https://checkout.stripe.com/c/pay/cs_test_sandbox"
PORTAL = "https://billing.stripe.com/p/session/test_sandbox"


def create_key(request: PamelaRequest) -> Document:
    """Make a key for the user's account or for one of its projects; shown once."""
    fields = request.document()
    if fields.get("key_prefix", KEY_PREFIX) != KEY_PREFIX:
        raise invalid(f"key_prefix is {KEY_PREFIX}.", field="key_prefix")
    account = _project(request, fields.get("project_id"))
    secret = KEY_PREFIX + request.state.new_id("key").removeprefix("key_")
    made = request.state.add_key(account, secret, request.now)
    return {**made.to_json(account.project_id), "success": True, "key": secret}


def list_keys(request: PamelaRequest) -> Document:
    """List the keys of all the user's accounts, without their secrets."""
    return {
        "items": [key.to_json(account.project_id) for account, key in _keys(request)]
    }


def revoke_key(request: PamelaRequest) -> Document:
    """Make a key invalid for good."""
    for account, key in _keys(request):
        if key.id == request.name:
            with request.state.lock:
                key.revoked_at = key.revoked_at or written(request.now)
                request.state.changed()
            return {**key.to_json(account.project_id), "success": True}
    raise Refusal(404, None, "There is no such key.", {"key_id": request.name})


def show_subscription(request: PamelaRequest) -> Document:
    """Return the subscription's status and the end of its grace."""
    return request.account.subscription.to_json()


def checkout(request: PamelaRequest) -> Document:
    """Return where a subscription could be bought; in a sandbox nobody goes there."""
    return {"url": CHECKOUT, "partner_id": request.account.partner_id}


def portal(request: PamelaRequest) -> Document:
    """Return where a subscription could be changed; in a sandbox nobody goes there."""
    return {"url": PORTAL, "partner_id": request.account.partner_id}


def _accounts(request: PamelaRequest) -> list[Account]:
    return request.state.accounts_of_user(bearer(request.http))


def _keys(request: PamelaRequest) -> list[tuple[Account, ApiKey]]:
    return [(account, key) for account in _accounts(request) for key in account.keys]


def _project(request: PamelaRequest, project_id: object) -> Account:
    """Return the account of a project; without one the user's first account."""
    if project_id is None:
        return request.account
    for account in _accounts(request):
        if account.project_id == project_id:
            return account
    raise Refusal(404, Code.PROJECT_NOT_FOUND, details={"project_id": project_id})
