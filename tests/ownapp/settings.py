"""What a user changes to add an app: one line."""

from project.settings import *  # noqa: F403 - the whole settings, and one app more
from project.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.ownapp"]
