"""The path data takes: pull, sync, reconcile; it is handed its source and meter."""
