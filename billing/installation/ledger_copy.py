"""The ledger's copy: from where the settings say to another database."""

from pathlib import Path

from billing.adapters import make_memory
from billing.ledger.audit.audit_log import Actor
from billing.ledger.locking.locks import exclusive_process
from billing.offline import opened_ledger, placed_url
from billing.pipeline.move import (
    CopyPlan,
    CopyReport,
    Watcher,
    copy_ledger_to,
    plan_copy,
)


def planned_copy(settings_file: Path, url: str) -> CopyPlan:
    """Return what would be copied; raises BillingError for what cannot be."""
    with opened_ledger(settings_file) as opened, exclusive_process(opened.ledger):
        memory = make_memory(opened.settings, settings_file.parent)
        return plan_copy(opened.ledger, memory, placed_url(url, settings_file.parent))


def copied_ledger(
    settings_file: Path, url: str, who: str, watch: Watcher
) -> CopyReport:
    """Copy the ledger to a URL, where it goes on; raises BillingError."""
    with opened_ledger(settings_file) as opened, exclusive_process(opened.ledger):
        return copy_ledger_to(
            opened.ledger,
            make_memory(opened.settings, settings_file.parent),
            placed_url(url, settings_file.parent),
            Actor(who, opened.now),
            watch,
        )
