"""Who is meant, and which channels lead there."""

import pytest
from django.contrib.auth.models import User

from apps.jobs.errors import ArgumentError
from apps.notification.choosing import Choice, choose
from apps.notification.models import Channel
from apps.notification.recipients import known_channel, resolve


def names(choice: Choice) -> list[str]:
    return sorted(channel.name for channel in choice.channels)


def problem(error: pytest.ExceptionInfo[ArgumentError]) -> str:
    (words,) = error.value.problems.values()
    return words


def test_a_user_name_means_that_user(alice: User) -> None:
    assert (resolve("alice").user_id, resolve("alice").email) == (alice.pk, "alice@example.com")


def test_an_address_means_its_one_holder(alice: User) -> None:
    assert resolve("Alice@Example.com").user_id == alice.pk
    assert resolve("bob@example.com").user_id is None


def test_an_address_of_two_users_is_an_address_only(alice: User) -> None:
    User.objects.create_user("alice2", "alice@example.com")
    assert resolve("alice@example.com").user_id is None


def test_an_inactive_user_is_nobody(alice: User) -> None:
    User.objects.update(is_active=False)
    with pytest.raises(ArgumentError):
        resolve("alice")


def test_a_user_comes_before_a_channel_of_the_same_name(alice: User) -> None:
    Channel.objects.create(name="alice", kind="mail")
    assert resolve("alice").channel == ""


def test_an_unknown_recipient_is_named_with_the_nearest(alice: User, team: Channel) -> None:
    with pytest.raises(ArgumentError) as error:
        resolve("alcie")
    assert "'alice'" in problem(error)
    with pytest.raises(ArgumentError) as error:
        resolve("taem")
    assert "'team'" in problem(error)


def test_an_unknown_channel_is_named_with_the_nearest(team: Channel) -> None:
    with pytest.raises(ValueError, match="did you mean 'team'"):
        known_channel("teem")


def test_none_named_means_all_that_reach_a_person(alice: User, team: Channel) -> None:
    assert names(choose(resolve("alice"), None, "info")) == ["in-app", "mail", "team"]
    assert names(choose(resolve("bob@example.com"), None, "info")) == ["mail", "team"]


def test_a_channel_as_recipient_means_that_channel_alone(team: Channel) -> None:
    assert names(choose(resolve("team"), None, "info")) == ["team"]


def test_disabled_channels_are_left_out(alice: User) -> None:
    Channel.objects.filter(name="mail").update(enabled=False)
    assert names(choose(resolve("alice"), None, "info")) == ["in-app"]


@pytest.mark.parametrize(("severity", "chosen"), [("info", []), ("warning", []), ("error", ["team"])])
def test_a_channel_takes_its_severity_and_worse(team: Channel, severity: str, chosen: list[str]) -> None:
    team.min_severity = "error"
    team.save()
    choice = choose(resolve("team"), None, severity)
    assert names(choice) == chosen
    assert choice.skipped == ([] if chosen else ["team"])


def test_named_channels_are_taken_once_each(alice: User, team: Channel) -> None:
    assert names(choose(resolve("alice"), ["team", "in-app", "team"], "info")) == ["in-app", "team"]


@pytest.mark.parametrize(
    ("channels", "words"),
    [
        ([], "at least one"),
        (["nowhere"], "no channel is named 'nowhere'"),
        (["off"], "'off' is disabled"),
        (["in-app"], "'in-app' has no way to 'bob@example.com'"),
    ],
)
def test_named_channels_must_lead_there(db: None, channels: list[str], words: str) -> None:
    Channel.objects.create(name="off", kind="mail", enabled=False)
    with pytest.raises(ArgumentError) as error:
        choose(resolve("bob@example.com"), channels, "info")
    assert words in problem(error)


def test_nobody_is_notified_in_silence(db: None) -> None:
    Channel.objects.filter(name="mail").delete()
    with pytest.raises(ArgumentError) as error:
        choose(resolve("bob@example.com"), None, "info")
    assert problem(error) == "no enabled channel reaches 'bob@example.com'"
