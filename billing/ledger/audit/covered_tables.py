"""Which tables the trail covers, and how the rows of each are read for it."""

from dataclasses import dataclass

from sqlalchemy import Table

from billing.ledger.schema.tables import (
    account,
    account_identity,
    account_rename,
    adoption,
    b2b_usage,
    break_case,
    call,
    call_decision,
    contradicting_call,
    customer,
    cycle_run,
    error_report,
    meter_attempt,
    meter_contact,
    meter_event,
    meter_opening,
    meter_reading,
    period_close,
    price,
    pull,
    pull_scope,
    quarantine,
    quarantine_place,
    reconciliation_break,
    reconciliation_reading,
    reconciliation_run,
    reconciliation_source,
    send_hold,
    shadow_reading,
    sole_reporter,
    summary_lag,
)

BINDING = "b2b_usage.meter_event_id"


@dataclass(frozen=True, slots=True)
class Covered:
    """A table of the trail.

    `each`: its rows may move, so each has a digest; else those of a transaction have
    one together. `period` is the SQL of a row's month, and `found_by` the column that
    a changed row is found by.
    """

    name: str
    columns: tuple[str, ...]
    each: bool
    period: str
    key: str = "id"
    found_by: str = "id"
    joined: str = ""

    def query(self, condition: str, *, packed: bool = False, more: str = "") -> str:
        """Return the SELECT of rows and months, in the order of their keys.

        Packed, each row is one JSON array of SQLite's. `more` is one more column.
        """
        listed = ", ".join([*(f"t.{name}" for name in self.columns), self.period])
        listed = f"{listed}, {more}" if more else listed
        listed = f"json_array({listed}) AS packed" if packed else listed
        return (
            f"SELECT {listed} FROM {self.name} t {self.joined} "  # noqa: S608 # names and conditions are ours
            f"WHERE {condition} ORDER BY t.{self.key}"
        )

    @property
    def numbered(self) -> bool:
        """Whether the rows have numbers, by which the new ones are known."""
        return self.key == "id"

    @property
    def key_place(self) -> int:
        """Where in a row its key stands."""
        return self.columns.index(self.key)


def _covered(table: Table, period: str = "t.period", **options: str) -> Covered:
    columns = tuple(str(column.name) for column in table.columns)
    return Covered(
        name=str(table.name), columns=columns, each=True, period=period, **options
    )


def _covered_together(
    table: Table, *, without: str = "", period: str = "t.period", joined: str = ""
) -> Covered:
    columns = tuple(
        str(column.name) for column in table.columns if column.name != without
    )
    return Covered(
        name=str(table.name), columns=columns, each=False, period=period, joined=joined
    )


_NO_MONTH = "''"
_OF_EVENT = "JOIN meter_event e ON e.id = t.event_id"
_OF_RUN = "JOIN reconciliation_run r ON r.id = t.run_id"

TABLES: dict[str, Covered] = {
    covered.name: covered
    for covered in (
        _covered(account, _NO_MONTH, key="name", found_by="name"),
        _covered(customer, _NO_MONTH, key="name", found_by="name"),
        _covered(price, _NO_MONTH),
        _covered(pull),
        _covered_together(call),
        _covered(quarantine),
        _covered_together(b2b_usage, without="meter_event_id"),
        _covered(meter_event),
        _covered(meter_attempt, "e.period", found_by="event_id", joined=_OF_EVENT),
        _covered(meter_reading, "e.period", joined=_OF_EVENT),
        _covered(error_report, _NO_MONTH),
        _covered(reconciliation_run),
        _covered_together(reconciliation_reading),
        _covered_together(reconciliation_break, period="r.period", joined=_OF_RUN),
        _covered(break_case),
        _covered(period_close, key="period", found_by="period"),
        _covered(meter_contact),
        _covered(sole_reporter, _NO_MONTH),
        _covered_together(pull_scope),
        _covered(cycle_run),
        _covered(send_hold, _NO_MONTH),
        _covered(account_identity, _NO_MONTH),
        _covered(account_rename, _NO_MONTH),
        _covered(adoption, _NO_MONTH),
        _covered(meter_opening, "e.period", joined=_OF_EVENT),
        _covered_together(shadow_reading),
        _covered_together(contradicting_call),
        _covered_together(reconciliation_source, period="r.period", joined=_OF_RUN),
        _covered(quarantine_place),
        _covered(call_decision, _NO_MONTH),
        _covered_together(summary_lag),
    )
}
