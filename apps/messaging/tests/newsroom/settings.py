from project.settings import *  # noqa: F403 - the whole settings, and one app more
from project.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "apps.messaging.tests.newsroom"]
