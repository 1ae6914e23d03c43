use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::name::UserName;
use crate::ticket::Capability;
use crate::time::later;

fn user(n: u8) -> UserName {
    format!("user{n}").parse().unwrap()
}

fn users(numbers: &BTreeSet<u8>) -> BTreeSet<UserName> {
    numbers.iter().copied().map(user).collect()
}

fn at(seconds: u64) -> Timestamp {
    later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
}

#[test]
fn terms_hold_at_their_edges_and_read_back() {
    let within = Duration::from_secs;
    for (people, seconds, wanted) in [
        (0, 900, Err(InvalidTerms::People)),
        (1, 900, Ok(())),
        (5, 900, Ok(())),
        (6, 900, Err(InvalidTerms::People)),
        (257, 900, Err(InvalidTerms::People)),
        (1, 0, Err(InvalidTerms::Within)),
        (1, 1, Ok(())),
        (1, 86_400, Ok(())),
        (1, 86_401, Err(InvalidTerms::Within)),
        (1, u64::MAX, Err(InvalidTerms::Within)),
    ] {
        let made = Terms::new(people, within(seconds), BTreeSet::new());
        assert_eq!(made.map(drop), wanted, "{people} {seconds}");
        let read = serde_json::from_str::<Terms>(&format!(r#"{{"people":{people},"within":{seconds}}}"#));
        assert_eq!(read.is_ok(), wanted.is_ok(), "{people} {seconds}");
    }
    let cap = |text: &str| text.parse::<Capability>().unwrap();
    let some = Terms::new(2, within(60), BTreeSet::from([cap("shell:root")])).unwrap();
    assert!(some.ask_for(&cap("shell:root")) && !some.ask_for(&cap("shell:view")));
    let all = Terms::new(2, within(60), BTreeSet::new()).unwrap();
    assert!(all.ask_for(&cap("shell:root")) && all.ask_for(&cap("shell:view")));
    for terms in [some, all] {
        let text = serde_json::to_string(&terms).unwrap();
        assert_eq!(serde_json::from_str::<Terms>(&text).unwrap(), terms, "{text}");
    }
    assert!(serde_json::from_str::<Terms>(r#"{"people":1,"within":60,"for":["no"]}"#).is_err());
}

#[test]
fn a_reason_is_one_plain_line() {
    let long = "ä".repeat(500);
    for good in ["no", " not at night ", "<b>\"'&", "אבג", &long] {
        assert_eq!(good.parse::<Reason>().unwrap().as_str(), good.trim());
    }
    for bad in ["", "  ", "a\nb", "a\u{1b}[2J", "a\0", "a\u{202e}b", "a\u{2028}b", &format!("{long}ä")] {
        assert_eq!(bad.parse::<Reason>().unwrap_err().code(), "approval-reason", "{bad:?}");
    }
}

#[test]
fn the_clock_ends_what_nobody_wrote_down() {
    use ApprovalState::{Approved, Expired, Lapsed, Waiting};
    assert_eq!((Waiting.at(at(10), at(9)), Waiting.at(at(10), at(10))), (Waiting, Expired));
    assert_eq!((Approved.at(at(10), at(9)), Approved.at(at(10), at(10))), (Approved, Lapsed));
    for state in ApprovalState::ALL {
        assert_eq!(ApprovalState::from_word(state.as_str()), Some(state));
        assert!(!state.at(at(10), at(10)).is_open(), "{state:?}");
        assert!(state.is_open() || state.at(at(0), at(10)) == state);
    }
}

#[test]
fn asking_again_nags_nobody() {
    use ApprovalState::{Approved, Ended, Expired, Lapsed, Rejected, Used, Waiting};
    let quiet = Duration::from_secs(60);
    let ask = |state, now| turn(Some(Latest { state, since: at(100) }), at(now), quiet);
    assert_eq!(turn(None, at(0), quiet), Turn::Begin);
    assert_eq!((ask(Waiting, 500), ask(Approved, 500)), (Turn::Wait, Turn::PickUp));
    for state in [Rejected, Expired] {
        assert_eq!(
            (ask(state, 100), ask(state, 159), ask(state, 160)),
            (Turn::Refuse, Turn::Refuse, Turn::Begin)
        );
    }
    for state in [Used, Lapsed, Ended] {
        assert_eq!(ask(state, 100), Turn::Begin, "{state:?}");
    }
}

#[test]
fn who_had_a_hand_in_it_does_not_approve_it() {
    let hands: Hands = BTreeMap::from([(user(1), BTreeSet::from([Hand::Agent, Hand::Assignment]))]);
    let (none, said) = (BTreeSet::new(), BTreeSet::from([user(2)]));
    let case = Case { state: ApprovalState::Waiting, people: 2, hands: &hands, said: &said, hold: &said };
    assert_eq!(vote(&case, &user(1)), Err(ApprovalRefusal::OwnHand(Hand::Assignment)));
    assert_eq!(vote(&case, &user(2)), Err(ApprovalRefusal::AlreadyGiven));
    assert_eq!(vote(&case, &user(3)), Ok(Verdict { count: 2, approved: true }));
    // Somebody who said yes and may not any more: it does not count, nor can they say it again.
    let case = Case { hold: &none, ..case };
    assert_eq!(vote(&case, &user(3)), Ok(Verdict { count: 1, approved: false }));
    assert_eq!(vote(&case, &user(2)), Err(ApprovalRefusal::AlreadyGiven));
    for state in ApprovalState::ALL.into_iter().filter(|state| *state != ApprovalState::Waiting) {
        assert_eq!(vote(&Case { state, ..case }, &user(3)), Err(ApprovalRefusal::Over));
    }
}

fn some() -> impl Strategy<Value = BTreeSet<u8>> {
    proptest::collection::btree_set(0..8_u8, 0..8)
}

proptest! {
    /// Approved is what that many different people said yes to who had no hand in it, and nothing else.
    #[test]
    fn people_are_counted_once_and_enough_is_enough(
        people in 1..=5_u8, said in some(), hold in some(), hands in some(), who in 0..8_u8,
    ) {
        let owned = hands.iter().map(|n| (user(*n), BTreeSet::from([Hand::Scope]))).collect();
        let (all, held) = (users(&said), users(&hold));
        let case = Case { state: ApprovalState::Waiting, people, hands: &owned, said: &all, hold: &held };
        let told = vote(&case, &user(who));
        if hands.contains(&who) || said.contains(&who) {
            prop_assert!(told.is_err());
        } else {
            let mut counted: BTreeSet<u8> = &(&said & &hold) - &hands;
            counted.insert(who);
            let count = u8::try_from(counted.len()).unwrap();
            prop_assert_eq!(told, Ok(Verdict { count, approved: count >= people }));
        }
    }

    /// Taking a person away, or giving one a hand in it, never approves what was not; asking for more people neither.
    #[test]
    fn less_never_approves(
        people in 1..=5_u8, said in some(), hold in some(), hands in some(), who in 0..8_u8, gone in 0..8_u8,
    ) {
        let approved = |people, said: &BTreeSet<u8>, hold: &BTreeSet<u8>, hands: &BTreeSet<u8>| {
            let owned = hands.iter().map(|n| (user(*n), BTreeSet::from([Hand::Agent]))).collect();
            let (all, held) = (users(said), users(hold));
            let case = Case { state: ApprovalState::Waiting, people, hands: &owned, said: &all, hold: &held };
            vote(&case, &user(who)).is_ok_and(|verdict| verdict.approved)
        };
        let before = approved(people, &said, &hold, &hands);
        let (mut fewer, mut more) = (hold.clone(), hands.clone());
        fewer.remove(&gone);
        more.insert(gone);
        prop_assert!(before || !approved(people, &said, &fewer, &hands));
        prop_assert!(before || !approved(people, &said, &hold, &more));
        prop_assert!(before || !approved(people + 1, &said, &hold, &hands));
        // Who said yes and takes it back can say it again.
        let mut unsaid = said.clone();
        unsaid.remove(&gone);
        prop_assert!(before || who == gone || !approved(people, &unsaid, &hold, &hands));
    }
}
