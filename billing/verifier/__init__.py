"""The verifier of audit bundles: Python's standard library, and nothing of ours."""
