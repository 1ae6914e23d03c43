//! Dates as people and programs write them.

use waystation_update_source::plugin::time;

/// Seconds since 1970 for a date in the format of RFC 3339, RFC 2822 or HTTP, for a day such as
/// `2026-01-31` (its start in UTC), and for digits alone: seconds since 1970, or milliseconds where seconds
/// would be past the year 5000.
pub fn moment(text: &str) -> Option<u64> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        const MILLISECONDS_FROM: u64 = 100_000_000_000;
        let number: u64 = text.parse().ok()?;
        return Some(if number < MILLISECONDS_FROM { number } else { number / 1000 });
    }
    time::parse_rfc3339(text)
        .or_else(|| time::parse_rfc2822(text))
        .or_else(|| time::parse_http_date(text))
        .or_else(|| (text.len() == 10).then(|| time::parse_rfc3339(&format!("{text}T00:00:00Z")))?)
        // W3C-DTF, the profile of ISO 8601 that Dublin Core uses, lets seconds go missing.
        .or_else(|| {
            let (minutes, zone) = text.split_at_checked(16)?;
            time::parse_rfc3339(&format!("{minutes}:00{zone}"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_kinds_of_dates_mean_the_same() {
        for text in [
            "2026-01-31T00:00:00Z",
            " 2026-01-31T01:00:00.25+01:00 ",
            "2026-01-31T00:00Z",
            "Sat, 31 Jan 2026 00:00:00 GMT",
            "31 Jan 2026 00:00 +0000",
            "2026-01-31",
            "1769817600",
            "1769817600000",
        ] {
            assert_eq!(moment(text), Some(1_769_817_600), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_nothing() {
        for text in
            ["", "yesterday", "2026-13-01", "2026-01", "99999999999999999999999", "-5", "2026-01-31T00:00"]
        {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}", digits in "[0-9TZ:+-]{0,30}") {
            let _ = (moment(&text), moment(&digits));
        }
    }
}
