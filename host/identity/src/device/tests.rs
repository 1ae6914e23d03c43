#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn user() -> UserId {
    UserId::new(at(0), &[1; 10])
}

/// Asks once and keeps what is to be kept.
fn ask(login: &mut DeviceLogin, second: i64) -> Poll {
    let (told, kept) = poll(login, at(second));
    *login = kept;
    told
}

#[test]
fn a_device_is_let_in_once() {
    let mut login = DeviceLogin::new(at(0));
    assert_eq!(ask(&mut login, 0), Poll::Pending);
    assert_eq!(ask(&mut login, 5), Poll::Pending);
    login = decide_device(&login, Some(user()), at(6)).unwrap();
    assert_eq!(ask(&mut login, 10), Poll::Granted(user()));
    assert_eq!(ask(&mut login, 15), Poll::Redeemed);
    assert_eq!(ask(&mut login, 20).error(), Some("invalid_grant"));
}

#[test]
fn a_refusal_stays() {
    let login = decide_device(&DeviceLogin::new(at(0)), None, at(1)).unwrap();
    assert_eq!(poll(&login, at(5)).0.error(), Some("access_denied"));
    let again = decide_device(&login, Some(user()), at(2)).unwrap_err();
    assert_eq!(again.code(), "gone");
}

#[test]
fn it_is_over_after_ten_minutes_whatever_it_was() {
    let pending = DeviceLogin::new(at(0));
    let approved = decide_device(&pending, Some(user()), at(599)).unwrap();
    assert_eq!(poll(&approved, at(599)).0, Poll::Granted(user()));
    for login in [pending, approved, DeviceLogin { state: DeviceState::Denied, ..pending }] {
        assert_eq!(poll(&login, at(600)), (Poll::Expired, login));
    }
    assert_eq!(decide_device(&pending, Some(user()), at(600)).unwrap_err().code(), "gone");
    assert_eq!(Poll::Expired.error(), Some("expired_token"));
}

#[test]
fn who_asks_too_often_waits_longer_each_time() {
    let mut login = DeviceLogin::new(at(0));
    assert_eq!(ask(&mut login, 0), Poll::Pending);
    for (second, told, interval) in [
        (4, Poll::SlowDown, 10),
        (13, Poll::SlowDown, 15),
        (28, Poll::Pending, 15),
        (42, Poll::SlowDown, 20),
        (30, Poll::SlowDown, 25),
        (55, Poll::Pending, 25),
    ] {
        assert_eq!(ask(&mut login, second), told, "{second}");
        assert_eq!(login.interval.as_secs(), interval, "{second}");
    }
    // Also who is let in, and never for ever.
    login = decide_device(&login, Some(user()), at(56)).unwrap();
    for second in 56..100 {
        assert_eq!(ask(&mut login, second).error(), Some("slow_down"));
    }
    assert_eq!(login.interval, MAX_INTERVAL);
    assert_eq!(ask(&mut login, 159), Poll::Granted(user()));
}

#[test]
fn a_code_is_read_as_people_type() {
    let code: UserCode = "WDJB-MJHT".parse().unwrap();
    assert_eq!(code.to_string(), "WDJB-MJHT");
    for same in ["wdjbmjht", " wdjb mjht ", "W-D-J-B-M-J-H-T", "wdjb-MJHT"] {
        assert_eq!(same.parse(), Ok(code), "{same:?}");
    }
    for bad in [
        "",
        "WDJB",
        "WDJB-MJHTW",
        "WDJA-MJHT",
        "WDJ8-MJHT",
        "WDJY-MJHT",
        "WDJB_MJHT",
        "WDJB\u{2014}MJHT",
        &" ".repeat(33),
    ] {
        assert_eq!(bad.parse::<UserCode>().unwrap_err().code(), "invalid-credential", "{bad:?}");
    }
}

#[test]
fn every_letter_comes_at_every_place() {
    let seen: std::collections::BTreeSet<(usize, u8)> =
        (0..4_000).flat_map(|_| UserCode::generate().0.into_iter().enumerate().collect::<Vec<_>>()).collect();
    assert_eq!(seen.len(), LENGTH * LETTERS.len());
}

proptest! {
    #[test]
    fn a_code_reads_the_same(random: u128) {
        let code = UserCode::new(random);
        prop_assert_eq!(code.to_string().parse(), Ok(code));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
        if let Ok(code) = text.parse::<UserCode>() {
            prop_assert_eq!(code.to_string().parse(), Ok(code));
        }
    }

    /// Whatever is asked and said in whatever order: a device is let in once at most, only after somebody agreed, in
    /// time, and never sooner after a question than the interval said.
    #[test]
    fn nobody_is_let_in_twice_or_unasked(steps in prop::collection::vec((0u8..4, -5i64..90), 1..40)) {
        let mut login = DeviceLogin::new(at(1_000));
        let (mut now, mut agreed, mut granted) = (1_000, false, 0);
        for (step, gap) in steps {
            now += gap;
            let before = login;
            match step {
                0 | 1 => {
                    let told = ask(&mut login, now);
                    prop_assert!(login.interval >= before.interval && login.interval <= MAX_INTERVAL);
                    if let Poll::Granted(_) = told {
                        granted += 1;
                        prop_assert!(agreed && now < 1_600);
                        let wait = i64::try_from(before.interval.as_secs()).unwrap();
                        prop_assert!(before.asked_at.is_none_or(|then| now - then.as_second() >= wait));
                    }
                }
                say => {
                    let by = (say == 2).then(user);
                    if let Ok(said) = decide_device(&login, by, at(now)) {
                        prop_assert!(now < 1_600 && login.state == DeviceState::Pending);
                        agreed = by.is_some();
                        login = said;
                    }
                }
            }
        }
        prop_assert!(granted <= 1);
    }
}
