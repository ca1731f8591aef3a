"""The assumptions about Stripe that a bundle rests on, in words for its README."""

ASSUMPTIONS = """\
What is assumed of Stripe
-------------------------
- An identifier is refused for at least 24 hours after its event was received (Stripe's
  word); an event is sent again for under 23 hours, and a request arrives within an hour
  or never.
- A summary shows an event, or its cancellation, within the lag that is waited for:
  three times the longest of 35 days, and 72 hours until lags were measured for that
  long (tables/summary_lag.jsonl has them). What was shown stays shown, and a summary
  over an event's own minute holds that event alone.
- What is answered as taken, as refused or as cancelled is so; what an error report
  names did not count by then, and what a negative event corrects was not rejected
  unseen.
- This service's clock was right to within minutes, and no commit was lost unnoticed.
"""
