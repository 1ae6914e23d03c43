//! Dates for messages.

/// `2026-01-31` for seconds since 1970-01-01T00:00:00Z (days-to-civil in the proleptic Gregorian calendar).
pub(crate) fn day(epoch: u64) -> String {
    // Shifting the year to start in March puts the leap day last: every month then has a fixed offset.
    let days = epoch / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn days() {
        let cases = [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_798_761_599, "2026-12-31"),
        ];
        for (epoch, text) in cases {
            assert_eq!(super::day(epoch), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_number_makes_it_panic(epoch in proptest::prelude::any::<u64>()) {
            let _ = super::day(epoch);
        }
    }
}
