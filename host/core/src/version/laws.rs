//! What must hold for every scheme and every text.

use std::cmp::Ordering;

use proptest::{collection::vec, prelude::*};

use super::{Scheme, Version};

/// Texts that look like versions of the scheme, from few letters so that they meet often.
fn plausible(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Semver => r"[0-2]\.[0-2]\.[0-2](-(alpha|rc|[0-2])(\.(a|[0-2])){0,2})?(\+[ab])?",
        Scheme::Debian => r"([0-1]:)?[0-2](\.[0-2]|~|\+|a|-){0,4}(-[0-2~a+]{1,3})?",
        Scheme::Rpm => r"([0-1]:)?[0-2](\.[0-2]|~|\^|a|_|0){0,5}(-[0-2~^a]{1,3})?",
        Scheme::Pep440 => {
            r"([0-1]!)?[0-1](\.[0-1]){0,3}((a|b|rc)[0-1])?(\.post[0-1])?(\.dev[0-1])?(\+[a0-1](\.[a0-1])?)?"
        }
        Scheme::Maven => r"([0-2.-]|-|\.|ga|rc|sp|a|zz|snapshot|final){0,7}",
        Scheme::Calver => r"(2024|24|20241001|6)([.-]0?[0-2]){0,3}[.-]?(a|b1|dev|rc|final|x)?[0-2]?",
        Scheme::OciTag => r"v?[0-2](\.[0-2]){0,2}(rc[0-2])?(-(rc|beta)[.-]?[0-2]?)?(-(alpine|slim|b1))?",
        Scheme::Loose => r"(v|go)?([0-2]|\.|-|a|rc|final|x| ){1,8}",
    }
}

/// Plausible texts, texts over a version's alphabet, and any texts.
fn texts(scheme: Scheme) -> impl Strategy<Value = String> {
    prop_oneof![
        6 => plausible(scheme),
        2 => r"[0-9a-cA-C.~^+:!_-]{1,12}",
        1 => r"\PC{0,16}",
        1 => any::<String>(),
    ]
}

fn order(left: &Version, right: &Version) -> Ordering {
    left.compare(right).expect("one scheme")
}

fn check_laws(texts: &[String], scheme: Scheme) -> Result<(), TestCaseError> {
    let versions: Vec<Version> = texts.iter().filter_map(|text| Version::parse(scheme, text).ok()).collect();
    for a in &versions {
        prop_assert_eq!(order(a, a), Ordering::Equal, "{} is not itself", a);
        prop_assert_eq!(&Version::parse(scheme, a.as_str()).expect("read before"), a);
        for b in &versions {
            prop_assert_eq!(order(a, b), order(b, a).reverse(), "{} and {}", a, b);
            prop_assert_eq!(a == b, order(a, b).is_eq());
            prop_assert_eq!(a.partial_cmp(b), Some(order(a, b)));
            prop_assert_eq!(a.gap(b).is_some(), a.precedence(b) == Some(Ordering::Less));
            for c in &versions {
                if order(a, b).is_le() && order(b, c).is_le() {
                    prop_assert!(order(a, c).is_le(), "{} <= {} <= {}", a, b, c);
                    let all_equal = order(a, b).is_eq() && order(b, c).is_eq();
                    prop_assert_eq!(order(a, c).is_eq(), all_equal, "{} <= {} <= {}", a, b, c);
                }
                let below = |x: &Version, y: &Version| x.precedence(y).is_some_and(Ordering::is_le);
                prop_assert!(!(below(a, b) && below(b, c)) || below(a, c), "{} {} {}", a, b, c);
            }
        }
    }
    Ok(())
}

macro_rules! laws {
    ($($name:ident: $scheme:expr;)*) => {$(
        proptest! {
            #[test]
            fn $name(texts in vec(texts($scheme), 2..7)) {
                check_laws(&texts, $scheme)?;
            }
        }
    )*};
}

laws! {
    semver_has_a_total_order: Scheme::Semver;
    debian_has_a_total_order: Scheme::Debian;
    rpm_has_a_total_order: Scheme::Rpm;
    pep440_has_a_total_order: Scheme::Pep440;
    maven_has_a_total_order: Scheme::Maven;
    calver_has_a_total_order: Scheme::Calver;
    oci_tags_have_a_total_order: Scheme::OciTag;
    loose_has_a_total_order: Scheme::Loose;
}

proptest! {
    #[test]
    fn most_plausible_texts_are_read(texts in vec(plausible(Scheme::Pep440), 8)) {
        prop_assert!(texts.iter().all(|text| Version::parse(Scheme::Pep440, text).is_ok()), "{:?}", texts);
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        for scheme in Scheme::ALL {
            match Version::parse(scheme, &text) {
                Ok(version) => prop_assert_eq!(version.as_str(), &*text),
                Err(error) => prop_assert!(!error.code().is_empty() && !error.to_string().is_empty()),
            }
            let _ = Version::parse_bound(scheme, &text);
        }
    }

    /// Against an independent implementation of the same rule.
    #[test]
    fn debian_agrees_with_another_reader(left in plausible(Scheme::Debian), right in plausible(Scheme::Debian)) {
        let read = |text: &str| Version::parse(Scheme::Debian, text);
        if let (Ok(a), Ok(b)) = (read(&left), read(&right)) {
            prop_assert_eq!(order(&a, &b), deb_version::compare_versions(&left, &right), "{} {}", left, right);
        }
    }

    /// `loose` has no opinion of its own on plain numbers.
    #[test]
    fn loose_agrees_with_semver_on_releases(left in r"[0-9]{1,3}(\.[0-9]{1,3}){2}", right in r"[0-3]\.[0-3]\.[0-3]") {
        let read = |scheme, text: &str| Version::parse(scheme, text).ok();
        if let (Some(a), Some(b)) = (read(Scheme::Semver, &left), read(Scheme::Semver, &right)) {
            let loose = [&left, &right].map(|text| read(Scheme::Loose, text).expect("has a digit"));
            prop_assert_eq!(order(&a, &b), order(&loose[0], &loose[1]));
        }
    }
}
