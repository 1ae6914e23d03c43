//! Dates as remotes write them, as seconds since 1970-01-01T00:00:00Z.
//!
//! Each function takes exactly its format; what does not fit, and anything before 1970, is `None`. A
//! leap second counts as the second after it.

const DAY: i64 = 86_400;

/// RFC 3339, e.g. `2024-02-29T12:00:00.123Z` or `…+02:00`; the fraction is dropped. A space in the place
/// of the `T` is taken too (its section 5.6).
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let year = digits(bytes.get(0..4)?)?;
    let month = digits(bytes.get(5..7)?)?;
    let day = digits(bytes.get(8..10)?)?;
    let separators = (bytes.get(4)?, bytes.get(7)?, bytes.get(10)?);
    if !matches!(separators, (b'-', b'-', b'T' | b't' | b' ')) {
        return None;
    }
    let seconds = clock(text.get(11..19)?)?;
    let mut zone = text.get(19..)?;
    if let Some(fraction) = zone.strip_prefix('.') {
        let end = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
        if end == 0 {
            return None;
        }
        zone = fraction.get(end..)?;
    }
    let offset = match zone.as_bytes() {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => signed(*sign, &[*h1, *h2], &[*m1, *m2])?,
        _ => return None,
    };
    instant(year, month, day, seconds, offset)
}

/// The three formats of RFC 9110, 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`,
/// `Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`.
#[must_use]
pub fn parse_http_date(text: &str) -> Option<u64> {
    if let Some((day_name, rest)) = text.split_once(", ") {
        day_of_week(day_name)?;
        let rest = rest.strip_suffix(" GMT")?;
        let (date, time) = rest.rsplit_once(' ')?;
        let mut parts = date.split([' ', '-']);
        let (day, month_name, year) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || day.len() != 2 || !matches!(year.len(), 2 | 4) {
            return None;
        }
        let year = full_year(year)?;
        return instant(year, month(month_name)?, digits(day.as_bytes())?, clock(time)?, 0);
    }
    let mut parts = text.split_ascii_whitespace();
    day_of_week(parts.next()?)?;
    let (month_name, day, time, year) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    instant(digits(year.as_bytes())?, month(month_name)?, digits(day.as_bytes())?, clock(time)?, 0)
}

/// RFC 2822 and 5322, as in feeds: `Sat, 02 Mar 2024 10:00:00 +0100`; day name and seconds may be
/// missing, zones may be names, comments in parentheses are passed over.
#[must_use]
pub fn parse_rfc2822(text: &str) -> Option<u64> {
    let text = without_comments(text)?;
    let date = match text.split_once(',') {
        Some((day_name, rest)) => {
            day_of_week(day_name.trim())?;
            rest
        }
        None => text.as_str(),
    };
    let mut parts = date.split_ascii_whitespace();
    let (day, month_name, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let zone = parts.next().unwrap_or("-0000");
    if parts.next().is_some() || !matches!(day.len(), 1 | 2) {
        return None;
    }
    let seconds = if time.len() == 5 { clock(&format!("{time}:00"))? } else { clock(time)? };
    instant(full_year(year)?, month(month_name)?, digits(day.as_bytes())?, seconds, named_zone(zone)?)
}

fn without_comments(text: &str) -> Option<String> {
    let mut depth = 0_usize;
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            other if depth == 0 => out.push(other),
            _ => {}
        }
    }
    (depth == 0).then_some(out)
}

fn digits(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > 4 {
        return None;
    }
    bytes.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

/// `hh:mm:ss` as seconds of the day.
fn clock(text: &str) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = text.as_bytes() else { return None };
    let (hours, minutes, seconds) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?, digits(&[*s1, *s2])?);
    (hours < 24 && minutes < 60 && seconds <= 60).then_some(hours * 3600 + minutes * 60 + seconds)
}

fn signed(sign: u8, hours: &[u8], minutes: &[u8]) -> Option<i64> {
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    let offset = hours * 3600 + minutes * 60;
    (hours < 24 && minutes < 60).then_some(if sign == b'-' { -offset } else { offset })
}

fn named_zone(zone: &str) -> Option<i64> {
    if let [sign @ (b'+' | b'-'), h1, h2, m1, m2] = zone.as_bytes() {
        return signed(*sign, &[*h1, *h2], &[*m1, *m2]);
    }
    let hours = match zone.to_ascii_uppercase().as_str() {
        "GMT" | "UT" | "UTC" | "Z" => 0,
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        // RFC 5322, 4.3: the other military letters mean nothing certain.
        letter if letter.len() == 1 && letter.bytes().all(|b| b.is_ascii_alphabetic() && b != b'J') => 0,
        _ => return None,
    };
    Some(hours * 3600)
}

/// Two digits are of this century up to 69 (RFC 5322, 4.3 says 49; HTTP: within 50 years from now).
fn full_year(text: &str) -> Option<i64> {
    let year = digits(text.as_bytes())?;
    match text.len() {
        2 if year < 70 => Some(2000 + year),
        2 | 3 => Some(1900 + year),
        4 => Some(year),
        _ => None,
    }
}

fn month(name: &str) -> Option<i64> {
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = NAMES.iter().position(|known| name.eq_ignore_ascii_case(known))?;
    i64::try_from(at + 1).ok()
}

fn day_of_week(name: &str) -> Option<()> {
    const NAMES: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let known = |full: &&str| {
        full.eq_ignore_ascii_case(name) || full.get(..3).is_some_and(|short| short.eq_ignore_ascii_case(name))
    };
    NAMES.iter().any(known).then_some(())
}

/// A moment of the proleptic Gregorian calendar.
fn instant(year: i64, month: i64, day: i64, seconds: i64, offset: i64) -> Option<u64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Days since 0000-03-01: years begin in March, so that the leap day comes last.
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days =
        y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (m * 153 + 2) / 5 + day - 1;
    const EPOCH: i64 = 719_468;
    u64::try_from((days - EPOCH) * DAY + seconds - offset).ok()
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
