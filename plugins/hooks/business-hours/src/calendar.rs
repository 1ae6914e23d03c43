//! What is open when: hours as they are on the wall of a time zone, so that they stay where they are when clocks change.

use jiff::Zoned;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use waystation_zone::{local, zone};

use crate::pattern::fits;
use crate::settings::{CalendarSettings, Day, HourSettings, Otherwise, Settings};

/// The most calendars, and the most hours of one.
const MOST: usize = 100;
/// The most holidays of one list.
const MOST_HOLIDAYS: usize = 1_000;

/// All calendars, in order.
#[derive(Debug)]
pub(crate) struct Calendars {
    calendars: Vec<Calendar>,
    otherwise: Otherwise,
}

#[derive(Debug)]
struct Calendar {
    scopes: Vec<String>,
    zone: TimeZone,
    name: String,
    holidays: Vec<Date>,
    hours: Vec<Hours>,
}

/// Minutes of a day: `from` up to, and without, `to`. Past 24:00 is on the next day.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hours {
    days: Vec<Weekday>,
    from: u16,
    to: u16,
}

const DAY: u16 = 24 * 60;

impl Calendars {
    /// Checks all that is written.
    ///
    /// # Errors
    /// A sentence that says where, what, and what to write.
    pub(crate) fn new(settings: &Settings) -> Result<Self, String> {
        bounded("calendars", settings.calendars.len(), MOST)?;
        let shared = holidays("holidays", &settings.holidays)?;
        zone(&settings.time_zone).map_err(|e| format!("`time_zone`: {e}"))?;
        let calendar =
            |(at, one)| Calendar::new(&format!("calendars[{at}]"), one, &settings.time_zone, &shared);
        let calendars = settings.calendars.iter().enumerate().map(calendar).collect::<Result<_, _>>()?;
        Ok(Self { calendars, otherwise: settings.otherwise })
    }

    /// Why this sub-scope is shut at that time, or nothing.
    ///
    /// # Errors
    /// When the time is none.
    pub(crate) fn shut(&self, sub_scope: &str, at: &str) -> Result<Option<String>, String> {
        let fit = |calendar: &&Calendar| calendar.scopes.iter().any(|pattern| fits(pattern, sub_scope));
        match (self.calendars.iter().find(fit), self.otherwise) {
            (Some(calendar), _) => calendar.shut(&local(at, &calendar.zone)?),
            (None, Otherwise::Allow) => Ok(None),
            (None, Otherwise::Deny) => Ok(Some(format!("no calendar is for {sub_scope}"))),
        }
    }
}

impl Calendar {
    fn new(
        path: &str,
        settings: &CalendarSettings,
        shared_zone: &str,
        shared: &[Date],
    ) -> Result<Self, String> {
        if settings.scopes.is_empty() {
            return Err(format!("`{path}.scopes` is empty; name sub-scopes, such as `shell:*`"));
        }
        bounded(&format!("{path}.open"), settings.open.len(), MOST)?;
        let name = settings.time_zone.as_deref().unwrap_or(shared_zone);
        let hours = |(at, one)| Hours::new(&format!("{path}.open[{at}]"), one);
        Ok(Self {
            scopes: settings.scopes.clone(),
            zone: zone(name).map_err(|e| format!("`{path}.time_zone`: {e}"))?,
            name: name.to_owned(),
            holidays: match &settings.holidays {
                Some(own) => holidays(&format!("{path}.holidays"), own)?,
                None => shared.to_vec(),
            },
            hours: settings.open.iter().enumerate().map(hours).collect::<Result<_, _>>()?,
        })
    }

    fn shut(&self, now: &Zoned) -> Result<Option<String>, String> {
        let (today, time) = (now.date(), now.time());
        let minute = u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).unwrap_or(0);
        let works = |day: Date| !self.holidays.contains(&day);
        let yesterday = today.yesterday().ok();
        let open = self.hours.iter().any(|hours| {
            let since_today = works(today) && hours.have(today.weekday(), minute);
            let since_yesterday = yesterday
                .is_some_and(|day| works(day) && hours.have(day.weekday(), minute.saturating_add(DAY)));
            since_today || since_yesterday
        });
        if open {
            return Ok(None);
        }
        let what = match (self.hours.is_empty(), works(today)) {
            (true, _) => "this is never open".to_owned(),
            (false, false) => format!("{today} is a holiday"),
            (false, true) => "this is shut at this time".to_owned(),
        };
        let clock = now.strftime("%a %H:%M");
        Ok(Some(format!("{what} ({clock}, {})", self.name)))
    }
}

impl Hours {
    fn new(path: &str, settings: &HourSettings) -> Result<Self, String> {
        if settings.days.is_empty() {
            return Err(format!("`{path}.days` is empty; name days, such as `mon`"));
        }
        let time = |key: &str, text: &str| {
            let minutes = minutes(text)
                .ok_or_else(|| format!("`{path}.{key}`: `{text}` is no time of day; write `08:00`"));
            minutes.and_then(|minutes| match minutes == DAY && key == "from" {
                true => Err(format!("`{path}.from`: the day is over at 24:00; write `00:00` of the next")),
                false => Ok(minutes),
            })
        };
        let (from, mut to) = (time("from", &settings.from)?, time("to", &settings.to)?);
        if to <= from {
            to += DAY;
        }
        Ok(Self { days: settings.days.iter().map(|day| weekday(*day)).collect(), from, to })
    }

    fn have(&self, day: Weekday, minute: u16) -> bool {
        self.days.contains(&day) && (self.from..self.to).contains(&minute)
    }
}

/// `08:00`, up to `24:00`.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| -> Option<u16> {
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (minutes < 60 && hours * 60 + minutes <= DAY).then_some(hours * 60 + minutes)
}

fn holidays(path: &str, texts: &[String]) -> Result<Vec<Date>, String> {
    bounded(path, texts.len(), MOST_HOLIDAYS)?;
    let date = |(at, text): (usize, &String)| {
        let wrong = || format!("`{path}[{at}]`: `{text}` is no date; write `2026-12-25`");
        text.parse().ok().filter(|_| text.len() == 10).ok_or_else(wrong)
    };
    texts.iter().enumerate().map(date).collect()
}

fn bounded(path: &str, count: usize, most: usize) -> Result<(), String> {
    if count <= most { Ok(()) } else { Err(format!("`{path}` has {count} entries; at most {most} are read")) }
}

const fn weekday(day: Day) -> Weekday {
    match day {
        Day::Mon => Weekday::Monday,
        Day::Tue => Weekday::Tuesday,
        Day::Wed => Weekday::Wednesday,
        Day::Thu => Weekday::Thursday,
        Day::Fri => Weekday::Friday,
        Day::Sat => Weekday::Saturday,
        Day::Sun => Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests;
