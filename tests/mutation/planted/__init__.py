"""A little tariff with tests that notice some changes of it, to try the trials on."""
