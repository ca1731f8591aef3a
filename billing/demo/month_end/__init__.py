"""The month end: late calls, an outage, a rejection, a close, and what comes after."""
