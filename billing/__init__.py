"""Bill phone-call minutes exactly: pull, rate, report to Stripe, reconcile."""
