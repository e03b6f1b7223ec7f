from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from apps.planner import columns


def test_a_time_is_as_short_as_its_distance_allows() -> None:
    now = timezone.now()
    assert columns.short_clock_text(now) == f"{now:%H:%M:%S}"
    assert columns.short_clock_text(datetime(2031, 5, 3, 9, 0, tzinfo=UTC)) == "3 May 2031 09:00"
    tomorrow = now + timedelta(days=1)
    assert f"{tomorrow:%H:%M}" in columns.short_clock_text(tomorrow)


def test_times_are_told_in_the_readers_zone() -> None:
    with timezone.override(ZoneInfo("Asia/Shanghai")):
        assert columns.clock_text(datetime(2026, 5, 3, 20, 0, tzinfo=UTC)) == "4 May 2026 04:00:00"


def test_a_time_shows_both_its_distance_and_itself() -> None:
    tag = columns.ago(timezone.now() - timedelta(minutes=5))
    assert "5\xa0minutes ago" in tag
    assert f'title="{timezone.now():%-d %b %Y}' in tag
    assert columns.ago(None) == "–"


def test_a_state_has_its_colour_and_leads_to_its_job() -> None:
    badge = columns.badge("FAILURE", "abc")
    assert "bg-red-100" in badge
    assert 'href="/jobs/abc/"' in badge
    assert "href" not in columns.badge("SUCCESS")
    assert "&lt;b&gt;" in columns.badge("<b>")
    assert columns.job_link("nul\x00") == "nul\x00"
