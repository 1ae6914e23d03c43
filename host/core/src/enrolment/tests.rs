use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn token() -> Token {
    Token {
        created_at: at(0),
        expires_at: at(900),
        uses_left: true,
        approve: false,
        admits: true,
        delegator: true,
    }
}

fn facts() -> Facts {
    Facts { now: at(10), token: Some(token()), earlier: None, holder: Holder::Nobody, elsewhere: false }
}

#[test]
fn each_attempt_has_one_answer() {
    use Decision::{Again, Enrol, Refuse, StillWaiting, Wait};
    use EnrolRefusal as No;
    let with = |token: Token| Facts { token: Some(token), ..facts() };
    let after = |earlier| Facts { earlier: Some(earlier), ..facts() };
    let done = |current, certificate| after(Earlier::Done { current, certificate });
    let used = Token { uses_left: false, ..token() };
    for (what, facts, decision) in [
        ("new", facts(), Enrol { take: true }),
        ("no token", Facts { token: None, ..facts() }, Refuse(No::Unknown)),
        ("its maker is revoked", with(Token { delegator: false, ..token() }), Refuse(No::Unknown)),
        ("another label", with(Token { admits: false, ..token() }), Refuse(No::OtherLabel)),
        ("used", with(used), Refuse(No::Used)),
        ("at its last moment", Facts { now: at(899), ..facts() }, Enrol { take: true }),
        ("at its end", Facts { now: at(900), ..facts() }, Refuse(No::Expired)),
        ("used and expired", Facts { now: at(900), ..with(used) }, Refuse(No::Expired)),
        ("a live agent", Facts { holder: Holder::Live, ..facts() }, Refuse(No::Taken)),
        (
            "a live agent on this machine",
            Facts { holder: Holder::Live, elsewhere: true, ..facts() },
            Refuse(No::Taken),
        ),
        ("revoked before", Facts { holder: Holder::Revoked(at(-1)), ..facts() }, Enrol { take: true }),
        ("revoked with it", Facts { holder: Holder::Revoked(at(0)), ..facts() }, Refuse(No::Stale)),
        ("revoked since", Facts { holder: Holder::Revoked(at(5)), ..facts() }, Refuse(No::Stale)),
        ("to be looked at", with(Token { approve: true, ..token() }), Wait(Waiting::Approval)),
        ("elsewhere", Facts { elsewhere: true, ..facts() }, Wait(Waiting::Collision)),
        (
            "waits",
            after(Earlier::Waiting(Waiting::Collision, at(11))),
            StillWaiting(Waiting::Collision, at(11)),
        ),
        ("waited", after(Earlier::Waiting(Waiting::Approval, at(10))), Refuse(No::TimedOut)),
        (
            "waits longer than its token",
            Facts { now: at(1_000), ..after(Earlier::Waiting(Waiting::Approval, at(2_000))) },
            StillWaiting(Waiting::Approval, at(2_000)),
        ),
        ("approved", Facts { elsewhere: true, ..after(Earlier::Approved(at(11))) }, Enrol { take: false }),
        ("approved too long ago", after(Earlier::Approved(at(10))), Refuse(No::TimedOut)),
        (
            "approved, taken since",
            Facts { holder: Holder::Live, ..after(Earlier::Approved(at(11))) },
            Refuse(No::Taken),
        ),
        ("rejected", after(Earlier::Rejected), Refuse(No::Rejected)),
        ("comes again", Facts { holder: Holder::Live, ..done(true, true) }, Again),
        (
            "comes again too late",
            Facts { now: at(900), holder: Holder::Live, ..done(true, true) },
            Refuse(No::Expired),
        ),
        ("comes again without a key", Facts { holder: Holder::Live, ..done(true, false) }, Refuse(No::Taken)),
        (
            "comes again when it was revoked",
            Facts { holder: Holder::Revoked(at(5)), ..done(false, true) },
            Refuse(No::Stale),
        ),
    ] {
        assert_eq!(decide(&facts), decision, "{what}");
    }
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (0i64..100).prop_map(at)
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let token = (moment(), moment(), any::<[bool; 4]>()).prop_map(|(created_at, expires_at, flags)| {
        let [uses_left, approve, admits, delegator] = flags;
        Token { created_at, expires_at, uses_left, approve, admits, delegator }
    });
    let earlier = prop_oneof![
        moment().prop_map(|until| Earlier::Waiting(Waiting::Approval, until)),
        moment().prop_map(Earlier::Approved),
        Just(Earlier::Rejected),
        any::<(bool, bool)>().prop_map(|(current, certificate)| Earlier::Done { current, certificate }),
    ];
    let holder = prop_oneof![Just(Holder::Nobody), Just(Holder::Live), moment().prop_map(Holder::Revoked)];
    (moment(), prop::option::of(token), prop::option::of(earlier), holder, any::<bool>())
        .prop_map(|(now, token, earlier, holder, elsewhere)| Facts { now, token, earlier, holder, elsewhere })
}

proptest! {
    #[test]
    fn nobody_is_enrolled_who_may_not(facts in any_facts()) {
        match decide(&facts) {
            Decision::Enrol { take } => {
                let token = facts.token.unwrap();
                prop_assert!(token.admits && token.delegator);
                prop_assert!(facts.holder != Holder::Live);
                if let Holder::Revoked(revoked) = facts.holder {
                    prop_assert!(token.created_at > revoked);
                }
                let approved = matches!(facts.earlier, Some(Earlier::Approved(until)) if facts.now < until);
                prop_assert_eq!(take, !approved);
                if take {
                    prop_assert!(token.uses_left && facts.now < token.expires_at);
                    prop_assert!(!token.approve && !facts.elsewhere, "a person looks first");
                }
            }
            Decision::Wait(_) => {
                let token = facts.token.unwrap();
                prop_assert!(token.uses_left && facts.now < token.expires_at && token.admits);
            }
            Decision::Again => {
                let again = Some(Earlier::Done { current: true, certificate: true });
                prop_assert!(facts.earlier == again);
            }
            Decision::StillWaiting(..) | Decision::Refuse(_) => {}
        }
    }

    /// It identifies, it never authorizes.
    #[test]
    fn to_be_on_a_known_machine_never_gives_more(facts in any_facts()) {
        let (with, without) =
            (decide(&Facts { elsewhere: true, ..facts }), decide(&Facts { elsewhere: false, ..facts }));
        let waits = with == Decision::Wait(Waiting::Collision) && without == Decision::Enrol { take: true };
        prop_assert!(with == without || waits);
    }
}

#[test]
fn a_binding_is_of_key_name_and_machine() {
    let name = |text: &str| text.parse::<AgentName>().unwrap();
    let machine: MachineUid = format!("muid_{}", "0".repeat(64)).parse().unwrap();
    let one = binding(Some(&[1; 32]), &name("agent:mac"), None);
    assert_eq!(one, binding(Some(&[1; 32]), &name("agent:mac"), None));
    for other in [
        binding(Some(&[2; 32]), &name("agent:mac"), None),
        binding(None, &name("agent:mac"), None),
        binding(Some(&[1; 32]), &name("agent:pc"), None),
        binding(Some(&[1; 32]), &name("agent:mac"), Some(&machine)),
    ] {
        assert_ne!(one, other);
    }
}

#[test]
fn words_are_read_back() {
    for one in [Waiting::Approval, Waiting::Collision] {
        assert_eq!(Waiting::from_word(one.as_str()), Some(one));
    }
    assert_eq!(Waiting::from_word("other"), None);
}
