"""The control surface under `/_sandbox`, for people and tests."""
