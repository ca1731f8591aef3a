"""Commands that only read the ledger: status, calls, reports and exports."""
