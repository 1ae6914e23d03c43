use proptest::prelude::*;

use super::*;

#[test]
fn rfc_3339() {
    for (text, expected) in [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("1994-11-06T08:49:37Z", Some(784_111_777)),
        ("2024-02-29T12:00:00.123456Z", Some(1_709_208_000)),
        ("2024-02-29t14:00:00+02:00", Some(1_709_208_000)),
        ("2024-02-29 09:30:00-02:30", Some(1_709_208_000)),
        ("2016-12-31T23:59:60Z", Some(1_483_228_800)),
        ("9999-12-31T23:59:59Z", Some(253_402_300_799)),
        ("2000-03-01T00:00:00Z", Some(951_868_800)),
        ("2023-02-29T00:00:00Z", None),
        ("2100-02-29T00:00:00Z", None),
        ("1969-12-31T23:59:59Z", None),
        ("2024-13-01T00:00:00Z", None),
        ("2024-00-01T00:00:00Z", None),
        ("2024-01-00T00:00:00Z", None),
        ("2024-01-01T24:00:00Z", None),
        ("2024-01-01T00:60:00Z", None),
        ("2024-01-01T00:00:00", None),
        ("2024-01-01T00:00:00.Z", None),
        ("2024-01-01T00:00:00+0200", None),
        ("2024-1-01T00:00:00Z", None),
        ("2024-01-01T00:00:00Z ", None),
        ("", None),
    ] {
        assert_eq!(parse_rfc3339(text), expected, "{text}");
    }
}

#[test]
fn http_dates() {
    for (text, expected) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
        ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
        ("Sunday, 06-Nov-33 08:49:37 GMT", Some(2_014_879_777)),
        ("Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("Sun, 6 Nov 1994 08:49:37 GMT", None),
        ("Son, 06 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49 GMT", None),
        ("Sun Nov  6 08:49:37 94", None),
        ("06 Nov 1994 08:49:37 GMT", None),
        ("120", None),
        ("", None),
    ] {
        assert_eq!(parse_http_date(text), expected, "{text}");
    }
}

#[test]
fn mail_dates() {
    for (text, expected) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
        ("Sun, 6 Nov 1994 10:49:37 +0200", Some(784_111_777)),
        ("6 Nov 94 03:49:37 EST", Some(784_111_777)),
        ("6 Nov 1994 00:49:37 pst", Some(784_111_777)),
        ("Sun,\t06 Nov 1994\r\n 08:49:37 +0000 (a (nested) comment)", Some(784_111_777)),
        ("06 Nov 1994 08:49 Z", Some(784_111_740)),
        ("06 Nov 1994 08:49:37", Some(784_111_777)),
        ("06 Nov 1994 08:49:37 +9900", None),
        ("06 Nov 1994 08:49:37 Nowhere", None),
        ("06 Foo 1994 08:49:37 GMT", None),
        ("31 Apr 1994 08:49:37 GMT", None),
        ("06 Nov 1994 08:49:37 GMT extra", None),
        ("06 Nov 1994 (08:49:37 GMT", None),
        ("", None),
    ] {
        assert_eq!(parse_rfc2822(text), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(
        any in any::<String>(),
        almost in "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:]{8}(\\.[0-9]{0,3})?([Zz]|[+-][0-9:]{5})",
        mail in "(Sun, )?[0-9]{1,3} [A-Z][a-z]{2} [0-9]{1,5} [0-9:]{4,9} ?[+A-Z0-9-]{0,6}",
    ) {
        for text in [&any, &almost, &mail] {
            let _ = (parse_rfc3339(text), parse_http_date(text), parse_rfc2822(text));
        }
    }

    /// Each day follows the one before, through every month and leap year.
    #[test]
    fn days_follow_each_other(year in 1970_i64..9999, month in 1_i64..=12, day in 1_i64..=31) {
        if let Some(today) = instant(year, month, day, 0, 0) {
            let tomorrow = instant(year, month, day + 1, 0, 0)
                .or_else(|| instant(year, month + 1, 1, 0, 0))
                .or_else(|| instant(year + 1, 1, 1, 0, 0));
            prop_assert_eq!(tomorrow, Some(today + 86_400));
        }
    }
}
