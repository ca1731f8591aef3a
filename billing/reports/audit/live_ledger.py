"""The live ledger: verified by the same core as a bundle, straight from its rows."""

from collections.abc import Iterator
from contextlib import closing

from billing.ledger.audit.month_extract import Excerpt
from billing.ledger.audit.signed_heads import lost_heads
from billing.ledger.database import Ledger
from billing.reports.audit.contents import LedgerContents
from billing.verifier.covers import Months
from billing.verifier.findings import BadRecord
from billing.verifier.shapes import EVENTS, HEADS, digest
from billing.verifier.verification import BundleSummary, verify_in_workspace


class LiveContents(LedgerContents):
    """The whole ledger; the hashes that it keeps beside its events are its own too."""

    def parts(self, file: str) -> Iterator[bytes]:
        """Yield the lines of a file; raises BadRecord for an event of another hash."""
        if file != EVENTS:
            yield from super().parts(file)
            return
        for sequence, recorded, line in self.excerpt.events():
            if recorded != digest(line):
                raise BadRecord(
                    f"audit event {sequence}", "the hash beside it is another"
                )
            yield line + b"\n"


def verify_ledger(ledger: Ledger) -> BundleSummary:
    """Verify every row of a ledger; raises Bad for the first bad record."""
    with ledger.reading() as connection, closing(Excerpt(connection, None)) as excerpt:
        verified = verify_in_workspace(LiveContents(excerpt), Months(None))
        lost = lost_heads(connection)
    if lost is not None:
        raise BadRecord(HEADS, lost)
    return verified
