//! What holds for every policy and every listing.

use jiff::SignedDuration;
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::now;
use crate::{
    policy::{Age, Channel, Level, Matcher, Pattern, Pin, Policy, Range, Rule, Status, evaluate},
    release::{Extras, Release},
    version::{Scheme, Version},
};

fn any_release() -> impl Strategy<Value = Release> {
    let version = prop_oneof![
        8 => r"[0-2]\.[0-3]\.[0-3](-rc\.[0-2])?",
        1 => "latest|[0-9]|",
    ];
    let channel = option::of(select(vec!["stable".to_owned(), "next".to_owned()]));
    (version, option::of(-3_i64..30), any::<bool>(), prop::bool::weighted(0.2), channel).prop_map(
        |(version, days, prerelease, withdrawn, channel)| Release {
            prerelease: prerelease && version.contains('-'),
            withdrawn,
            channel,
            extra: Extras::new(),
            published_at: days.map(|days| now() - SignedDuration::from_hours(days * 24)),
            ..Release::new(version)
        },
    )
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let matcher = prop_oneof![
        r"[0-2]\.[0-3]\.[0-3]".prop_map(Matcher::Version),
        r"(>=|<|=|!=|>|<=)[0-2](\.[0-3])?(, <[0-2]\.[0-3])?"
            .prop_map(|text| Matcher::Range(text.parse().unwrap())),
        r"\^?[0-2](-|\[[.]\])?".prop_map(|text| Matcher::Pattern(Pattern::new(&text).unwrap())),
    ];
    matcher.prop_map(|matcher| Rule { matcher, reason: None })
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let channel = option::weighted(0.2, Just("stable".parse::<Channel>().unwrap()));
    let age = option::of((0_i64..20).prop_map(|days| Age::from_seconds(days * 86_400).unwrap()));
    let pin = option::weighted(
        0.3,
        prop_oneof![
            r"[0-2](\.[0-3])?".prop_map(Pin::Prefix),
            r"[0-2]\.[0-3]\.[0-3]".prop_map(Pin::Exact),
            select(vec![Level::Major, Level::Minor, Level::Patch]).prop_map(Pin::Same),
        ],
    );
    (channel, any::<bool>(), age, pin, vec(any_rule(), 0..3)).prop_map(
        |(channel, prereleases, minimum_age, pin, ignore)| Policy {
            channel,
            prereleases,
            minimum_age,
            pin,
            ignore,
            variant: None,
        },
    )
}

fn read(text: &str) -> Version {
    Version::parse(Scheme::Semver, text).unwrap()
}

proptest! {
    /// What is offered is nowhere ruled out, by a reading of the policy that shares no code with it.
    #[test]
    fn the_answer_is_admissible(
        policy in any_policy(),
        releases in vec(any_release(), 0..12),
        installed in option::of(r"[0-2]\.[0-3]\.[0-3]"),
    ) {
        let outcome = evaluate(Scheme::Semver, &policy, installed.as_deref(), &releases, now()).unwrap();
        if let Some(found) = &outcome.latest {
            prop_assert!(releases.contains(found));
            for release in releases.iter().filter(|release| release.version == found.version) {
                prop_assert!(!release.withdrawn);
                prop_assert!(policy.prereleases || !release.version.contains('-'));
                if let Some(age) = policy.minimum_age.filter(|age| !age.is_zero()) {
                    let published = release.published_at.expect("a date, where an age is asked for");
                    prop_assert!(now().as_second() - published.as_second() >= age.seconds());
                }
                if let Some(channel) = &policy.channel {
                    prop_assert_eq!(release.channel.as_deref(), Some(channel.as_str()));
                }
                for rule in &policy.ignore {
                    if let Matcher::Version(ignored) = &rule.matcher {
                        prop_assert_ne!(ignored, &release.version);
                    }
                }
                if let Some(Pin::Exact(pinned)) = &policy.pin {
                    prop_assert_eq!(pinned, &release.version);
                }
            }
        }
        // A target is newer, and its gap is known, exactly when the item is outdated.
        prop_assert_eq!(outcome.status == Status::Outdated, outcome.outdated.is_some());
        if let (Some(target), Some(installed)) = (outcome.target(), &installed) {
            prop_assert!(read(&target.version) > read(installed));
        }
        // Everything newer than the answer is explained.
        for release in &releases {
            let newer = Version::parse(Scheme::Semver, &release.version).is_ok_and(|version| {
                installed.as_ref().is_none_or(|installed| version > read(installed))
                    && outcome.latest.as_ref().is_none_or(|latest| version > read(&latest.version))
            });
            prop_assert!(!newer || outcome.skipped.iter().any(|skipped| skipped.version == release.version));
        }
        prop_assert!(outcome.skipped.iter().all(|skipped| !skipped.reasons.is_empty()));
    }

    #[test]
    fn another_rule_never_gives_a_newer_answer(
        policy in any_policy(),
        rule in any_rule(),
        releases in vec(any_release(), 0..12),
    ) {
        let before = evaluate(Scheme::Semver, &policy, None, &releases, now()).unwrap();
        let stricter = Policy { ignore: [policy.ignore.clone(), vec![rule]].concat(), ..policy };
        let after = evaluate(Scheme::Semver, &stricter, None, &releases, now()).unwrap();
        match (before.latest, after.latest) {
            (None, Some(appeared)) => prop_assert!(false, "{} appeared", appeared.version),
            (Some(before), Some(after)) => prop_assert!(read(&after.version) <= read(&before.version)),
            _ => {}
        }
    }

    #[test]
    fn the_order_of_the_listing_does_not_matter(
        policy in any_policy(),
        (releases, shuffled) in vec(any_release(), 0..12).prop_flat_map(|releases| (Just(releases.clone()), Just(releases).prop_shuffle())),
        installed in option::of(r"[0-2]\.[0-3]\.[0-3]|odd"),
    ) {
        let judged = |releases: &[Release]| evaluate(Scheme::Semver, &policy, installed.as_deref(), releases, now());
        prop_assert_eq!(judged(&releases), judged(&shuffled));
    }

    /// The same, where equal versions have many texts.
    #[test]
    fn equal_versions_do_not_depend_on_order_either(
        (tags, shuffled) in vec(r"v?1\.[0-1](\.0)?(-a)?", 0..9).prop_flat_map(|tags| (Just(tags.clone()), Just(tags).prop_shuffle())),
        scheme in select(vec![Scheme::OciTag, Scheme::Loose, Scheme::Maven]),
    ) {
        let judged = |tags: &[String]| {
            let releases: Vec<Release> = tags.iter().map(Release::new).collect();
            evaluate(scheme, &Policy::default(), Some("1.0"), &releases, now()).unwrap()
        };
        prop_assert_eq!(judged(&tags), judged(&shuffled));
    }

    #[test]
    fn no_text_panics(text in any::<String>(), scheme in select(Scheme::ALL.to_vec())) {
        let _ = text.parse::<Age>();
        let _ = text.parse::<Range>();
        let _ = Pattern::new(&text);
        let pins = [Pin::Exact(text.clone()), Pin::Prefix(text.clone())];
        for pin in pins {
            let _ = Policy { pin: Some(pin), ..Policy::default() }.bind(scheme);
        }
        let releases = [Release::new(text.clone())];
        let outcome = evaluate(scheme, &Policy::default(), Some(&text), &releases, now()).unwrap();
        prop_assert_eq!(outcome.unparsable.is_empty(), Version::parse(scheme, &text).is_ok());
    }
}
