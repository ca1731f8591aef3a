"""The control surface's Pamela: what her documents leave open, one way or the other."""

from billing.sandbox.control.calls import ControlError
from billing.sandbox.control.request import Act, ControlRequest
from billing.sandbox.pamela.call import Document, FilteredBy


def _show_rules(request: ControlRequest) -> Document:
    return {"filtered_by": request.sandbox.pamela.filtered_by.value}


def _change_rules(request: ControlRequest) -> Document:
    wanted = request.document("filtered_by").get("filtered_by")
    if wanted not in {kind.value for kind in FilteredBy}:
        kinds = " or ".join(FilteredBy)
        raise ControlError(f"filtered_by is {kinds}, got {wanted!r}")
    now = request.sandbox.clock.now()
    request.sandbox.pamela.filter_by(FilteredBy(str(wanted)), now)
    return _show_rules(request)


PAMELA_TABLE: tuple[tuple[str, str, Act], ...] = (
    ("GET", "/_sandbox/pamela/rules", _show_rules),
    ("PUT", "/_sandbox/pamela/rules", _change_rules),
)
