"""The name under which verifiers finds the tasks of akrasia: its plugins are modules at the top level."""

from akrasia.training.environment import AkrasiaEnv, AkrasiaHarness, AkrasiaTaskset, load_environment

__all__ = ["AkrasiaEnv", "AkrasiaHarness", "AkrasiaTaskset", "load_environment"]
