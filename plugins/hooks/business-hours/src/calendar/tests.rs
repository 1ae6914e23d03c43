use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(value: Value) -> Result<Calendars, String> {
    Calendars::new(&serde_json::from_value(value).unwrap())
}

fn office() -> Value {
    json!({
        "time_zone": "Europe/Berlin",
        "holidays": ["2026-12-25"],
        "calendars": [
            { "scopes": ["shell:*"],
              "open": [{ "days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:00" }] },
            { "scopes": ["backup:run"], "open": [{ "days": ["sat"], "from": "22:00", "to": "06:00" }] },
            { "scopes": ["door:open"], "time_zone": "America/New_York", "holidays": [],
              "open": [{ "days": ["fri"], "from": "00:00", "to": "24:00" }] },
            { "scopes": ["never:*"], "open": [] },
        ],
    })
}

fn open(sub_scope: &str, at: &str) -> bool {
    read(office()).unwrap().shut(sub_scope, at).unwrap().is_none()
}

#[test]
fn hours_are_those_on_the_wall_in_summer_and_in_winter() {
    // Monday. In winter the office opens at seven in UTC, in summer at six.
    for (at, expected) in [
        ("2026-11-23T06:59:59.999Z", false),
        ("2026-11-23T07:00:00Z", true),
        ("2026-11-23T16:59:59Z", true),
        ("2026-11-23T17:00:00Z", false),
        ("2026-07-06T05:59:59Z", false),
        ("2026-07-06T06:00:00Z", true),
        ("2026-07-06T16:00:00Z", false),
        // The Fridays before and Mondays after clocks change.
        ("2026-03-27T07:00:00Z", true),
        ("2026-03-27T06:30:00Z", false),
        ("2026-03-30T06:30:00Z", true),
        ("2026-10-23T06:30:00Z", true),
        ("2026-10-26T06:30:00Z", false),
        // A Sunday, and a holiday on a Friday.
        ("2026-11-22T12:00:00Z", false),
        ("2026-12-25T12:00:00Z", false),
    ] {
        assert_eq!(open("shell:connect", at), expected, "{at}");
    }
}

#[test]
fn a_night_belongs_to_the_day_on_which_it_begins() {
    for (at, expected) in [
        ("2026-11-21T20:59:00Z", false),
        ("2026-11-21T21:00:00Z", true),
        ("2026-11-22T04:59:59Z", true),
        ("2026-11-22T05:00:00Z", false),
        ("2026-11-22T21:30:00Z", false),
        // Through the night in which an hour is there twice.
        ("2026-10-25T00:30:00Z", true),
        ("2026-10-25T01:30:00Z", true),
    ] {
        assert_eq!(open("backup:run", at), expected, "{at}");
    }
}

#[test]
fn each_calendar_has_its_own_zone_and_holidays() {
    assert!(open("door:open", "2026-12-25T05:00:00Z"), "midnight in New York");
    assert!(!open("door:open", "2026-12-25T04:59:00Z"));
    assert!(open("door:open", "2026-12-26T04:59:59Z"));
    assert!(!open("door:open", "2026-12-26T05:00:00Z"));
}

#[test]
fn a_reason_says_what_is_shut_and_since_what_clock() {
    let calendars = read(office()).unwrap();
    let why = |sub_scope: &str, at: &str| calendars.shut(sub_scope, at).unwrap().unwrap();
    let noon = "2026-12-25T11:00:00Z";
    assert_eq!(why("shell:x", noon), "2026-12-25 is a holiday (Fri 12:00, Europe/Berlin)");
    assert_eq!(
        why("shell:x", "2026-11-22T11:05:00Z"),
        "this is shut at this time (Sun 12:05, Europe/Berlin)"
    );
    assert_eq!(why("never:x", noon), "this is never open (Fri 12:00, Europe/Berlin)");
    assert_eq!(why("other:x", noon), "no calendar is for other:x");
    let mut lax = office();
    lax["otherwise"] = json!("allow");
    assert_eq!(read(lax).unwrap().shut("other:x", noon), Ok(None));
    assert!(calendars.shut("shell:x", "noon").is_err());
}

#[test]
fn what_cannot_be_meant_is_told_with_its_place() {
    let with = |path: &str, value: Value| {
        let mut settings = office();
        *settings.pointer_mut(path).unwrap() = value;
        read(settings).unwrap_err()
    };
    for (path, value, says) in [
        ("/time_zone", json!("Berlin"), "`time_zone`: `Berlin` is no time zone"),
        ("/calendars/2/time_zone", json!("X"), "`calendars[2].time_zone`: `X` is no time zone"),
        ("/holidays", json!(["2026-02-30"]), "`holidays[0]`: `2026-02-30` is no date"),
        ("/holidays", json!(["2026-12-25T00:00:00"]), "is no date"),
        ("/calendars/0/scopes", json!([]), "`calendars[0].scopes` is empty"),
        ("/calendars/0/open/0/days", json!([]), "`calendars[0].open[0].days` is empty"),
        ("/calendars/0/open/0/from", json!("8:00"), "`calendars[0].open[0].from`: `8:00` is no time of day"),
        ("/calendars/0/open/0/from", json!("24:00"), "the day is over at 24:00"),
        ("/calendars/0/open/0/to", json!("24:01"), "`24:01` is no time of day"),
        ("/calendars/0/open/0/to", json!("+1:00"), "`+1:00` is no time of day"),
        ("/calendars/0/open/0/to", json!("12:60"), "`12:60` is no time of day"),
    ] {
        let error = with(path, value);
        assert!(error.contains(says), "{path}: {error}");
    }
    let many = json!({ "scopes": ["a"], "open": [] });
    let many = json!({ "time_zone": "UTC", "calendars": vec![many; 101] });
    assert!(read(many).unwrap_err().contains("at most 100"));
}

proptest! {
    #[test]
    fn all_day_every_day_is_always_open_and_no_time_panics(second in -377_705_000_000_i64..253_402_000_000) {
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let always = json!({ "days": days, "from": "00:00", "to": "00:00" });
        let calendars = read(json!({
            "time_zone": "Australia/Lord_Howe", "calendars": [{ "scopes": ["*"], "open": [always] }],
        })).unwrap();
        let at = jiff::Timestamp::from_second(second).unwrap().to_string();
        prop_assert_eq!(calendars.shut("a:b", &at), Ok(None));
        let _ = read(office()).unwrap().shut("backup:run", &at);
    }
}
