from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.crypto import get_random_string

PASSWORD_LENGTH = 20


class Command(BaseCommand):
    help = "Creates the first administrator, once, and prints the password it made."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--username", default="admin")
        parser.add_argument("--reset", action="store_true", help="give an existing one a new password")

    def handle(self, *args: Any, **options: Any) -> None:
        users = get_user_model().objects
        name = options["username"]
        user = users.filter(username=name).first()
        if user is None and not options["reset"] and users.filter(is_superuser=True).exists():
            return
        if user is not None and not options["reset"]:
            return
        if user is None and options["reset"]:
            raise CommandError(f"There is no user {name!r}.", returncode=2)
        password = get_random_string(PASSWORD_LENGTH)
        if user is None:
            users.create_superuser(name, email="", password=password)
        else:
            user.set_password(password)
            user.save(update_fields=["password"])
        self.stdout.write(f"Sign in to the admin as {name} with the password {password}")
        if settings.FLOWER_BASIC_AUTH and settings.ENVIRONMENT == "development":
            flower_name, _, flower_password = settings.FLOWER_BASIC_AUTH.split(",")[0].partition(":")
            self.stdout.write(f"Sign in to Flower as {flower_name} with the password {flower_password}")
        self.stdout.write("Neither is shown again. A new one: manage.py admin_user --reset")
