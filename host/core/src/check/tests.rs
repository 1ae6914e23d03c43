use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::{
    event::EventType,
    id::ItemId,
    item::{ItemSpec, KEPT_RELEASES},
    policy::Policy,
    version::Scheme,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn timing(seconds: i64) -> Timing {
    Timing { now: at(seconds), interval: Duration::from_secs(21_600), random: 0 }
}

fn item() -> Item {
    let spec = ItemSpec {
        name: "rg".parse().unwrap(),
        source: "github".parse().unwrap(),
        locator: "BurntSushi/ripgrep".parse().unwrap(),
        options: serde_json::Map::new(),
        scheme: Scheme::Semver,
        policy: Policy::default(),
    };
    Item {
        id: ItemId::new(at(0), &[1; 10]),
        spec,
        created_at: at(0),
        updated_at: at(0),
        check: CheckState::default(),
        next_check_at: at(0),
    }
}

fn on_machine(item: &Item, installed: &str, standing: Standing) -> MachineItem {
    MachineItem {
        machine: MachineId::new(at(0), &[2; 10]),
        machine_name: "box".parse().unwrap(),
        item: item.id,
        manager: "apt".parse().unwrap(),
        installed: installed.to_owned(),
        seen_at: at(0),
        standing,
    }
}

fn listing(versions: &[&str]) -> Outcome {
    let releases = versions.iter().copied().map(Release::new).collect();
    Outcome::Listing { releases, validator: Some("etag".to_owned()) }
}

fn kinds(conclusion: &Conclusion) -> Vec<&str> {
    conclusion.events.iter().map(|event| event.kind.as_str()).collect()
}

fn error(retryable: bool) -> Outcome {
    let (code, message) = ("unreachable".to_owned(), "no answer".to_owned());
    Outcome::Failed(CheckError { code, message, retryable, retry_after: None })
}

/// Checks one item again and again.
struct Life {
    item: Item,
    known: Vec<KnownRelease>,
    installed: Vec<MachineItem>,
}

impl Life {
    fn new(installed: Option<&str>) -> Self {
        let item = item();
        let unknown = Standing::Unknown { why: String::new() };
        let installed = installed.map(|version| on_machine(&item, version, unknown)).into_iter().collect();
        Self { item, known: Vec::new(), installed }
    }

    fn check(&mut self, outcome: &Outcome, seconds: i64) -> Conclusion {
        let facts = Facts { item: &self.item, known: &self.known, installed: &self.installed };
        let conclusion = conclude(&facts, outcome, &timing(seconds));
        self.item.check = conclusion.check.clone();
        if let Some(known) = &conclusion.known {
            assert_ne!(*known, self.known, "what stays as it is, is not written again");
            self.known = known.clone();
        }
        for (machine, standing) in &conclusion.standings {
            for installed in self.installed.iter_mut().filter(|installed| installed.machine == *machine) {
                installed.standing = standing.clone();
            }
        }
        conclusion
    }
}

#[test]
fn the_first_listing_is_no_news_by_itself() {
    let conclusion = Life::new(None).check(&listing(&["1.1.0", "1.0.0"]), 10);
    assert_eq!(kinds(&conclusion), Vec::<&str>::new());
    let latest = conclusion.check.latest.unwrap();
    assert_eq!((latest.version.as_str(), latest.first_seen), ("1.1.0", at(10)));
    assert_eq!((conclusion.check.checked_at, conclusion.next_check_at), (Some(at(10)), at(21_610)));
    assert_eq!(conclusion.check.validator.as_deref(), Some("etag"));
}

#[test]
fn later_releases_are_told_once_oldest_first() {
    let mut life = Life::new(None);
    life.check(&listing(&["1.0.0"]), 0);
    let news = life.check(&listing(&["1.2.0", "1.1.0", "1.0.0"]), 10);
    let versions: Vec<_> =
        news.events.iter().map(|e| (e.data["version"].clone(), e.data["wanted"].clone())).collect();
    assert_eq!(versions, [("1.1.0".into(), false.into()), ("1.2.0".into(), true.into())]);
    assert_eq!(kinds(&news), ["release.found"; 2]);
    assert!(kinds(&life.check(&listing(&["1.2.0", "1.1.0", "1.0.0"]), 20)).is_empty());
    assert!(kinds(&life.check(&Outcome::Unchanged, 30)).is_empty());
}

#[test]
fn an_empty_first_listing_makes_the_first_release_news() {
    let mut life = Life::new(None);
    life.check(&listing(&[]), 0);
    assert_eq!(kinds(&life.check(&listing(&["1.0.0"]), 10)), ["release.found"]);
}

#[test]
fn the_same_check_twice_has_the_same_keys() {
    let mut life = Life::new(Some("1.0.0"));
    life.check(&listing(&["1.0.0"]), 0);
    let facts = Facts { item: &life.item, known: &life.known, installed: &life.installed };
    let keys = |seconds| {
        let events = conclude(&facts, &listing(&["1.1.0", "1.0.0"]), &timing(seconds)).events;
        events.into_iter().map(|event| event.key.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(keys(10).len(), 2);
    assert_eq!(keys(10), keys(99));
}

#[test]
fn an_installed_item_becomes_outdated_and_current_again() {
    let mut life = Life::new(Some("1.0.0"));
    let first = life.check(&listing(&["1.1.0", "1.0.0"]), 0);
    assert_eq!(kinds(&first), ["item.outdated"]);
    assert_eq!(life.installed[0].standing.target(), Some("1.1.0"));
    assert!(kinds(&life.check(&listing(&["1.1.0", "1.0.0"]), 10)).is_empty());

    let after = on_machine(&life.item, "1.1.0", Standing::Current);
    let (standing, event) =
        compare_installed(&life.item, &life.known, Some(&life.installed[0].standing), &after, at(20));
    assert_eq!((standing, event.unwrap().kind), (Standing::Current, EventType::ITEM_CURRENT));
}

#[test]
fn a_withdrawn_release_is_told_and_no_longer_wanted() {
    let mut life = Life::new(None);
    life.check(&listing(&["1.1.0", "1.0.0"]), 0);
    let mut releases: Vec<Release> = ["1.1.0", "1.0.0"].map(Release::new).to_vec();
    releases[0].withdrawn = true;
    let conclusion = life.check(&Outcome::Listing { releases, validator: None }, 10);
    assert_eq!(kinds(&conclusion), ["release.withdrawn"]);
    assert_eq!(conclusion.check.latest.unwrap().version, "1.0.0");
}

#[test]
fn passing_trouble_is_told_at_the_third_failure_and_its_end_once() {
    let mut life = Life::new(None);
    life.check(&listing(&["1.0.0"]), 0);
    let told: Vec<_> = (1..=5).map(|n| kinds(&life.check(&error(true), n)).len()).collect();
    assert_eq!(told, [0, 0, 1, 0, 0]);
    let failing = life.item.check.failing.clone().unwrap();
    assert_eq!((failing.count, failing.since, failing.announced), (5, at(1), true));
    assert_eq!(life.item.check.checked_at, Some(at(0)));
    assert_eq!(kinds(&life.check(&Outcome::Unchanged, 10)), ["check.recovered"]);
    assert!(kinds(&life.check(&Outcome::Unchanged, 11)).is_empty());
}

#[test]
fn lasting_trouble_is_told_at_once() {
    let mut life = Life::new(None);
    assert_eq!(kinds(&life.check(&error(false), 1)), ["check.failed"]);
    assert!(kinds(&life.check(&error(true), 2)).is_empty());
    assert_eq!(kinds(&life.check(&listing(&["1.0.0"]), 3)), ["check.recovered"]);
}

#[test]
fn trouble_that_was_not_told_ends_in_silence() {
    let mut life = Life::new(None);
    life.check(&error(true), 1);
    assert!(kinds(&life.check(&listing(&["1.0.0"]), 2)).is_empty());
}

#[test]
fn a_flood_of_releases_is_bounded() {
    let mut life = Life::new(None);
    life.check(&listing(&[]), 0);
    let many: Vec<String> = (0..10_000).rev().map(|n| format!("1.0.{n}")).collect();
    let conclusion = life.check(&listing(&many.iter().map(String::as_str).collect::<Vec<_>>()), 1);
    assert_eq!((life.known.len(), conclusion.events.len()), (KEPT_RELEASES, KEPT_RELEASES));
}

#[test]
fn the_next_check_is_when_a_young_release_is_old_enough() {
    let mut life = Life::new(Some("1.0.0"));
    life.item.spec.policy.minimum_age = Some("1h".parse().unwrap());
    let mut releases: Vec<Release> = ["1.1.0", "1.0.0"].map(Release::new).to_vec();
    releases[0].published_at = Some(at(0));
    releases[1].published_at = Some(at(-90_000));
    let conclusion = life.check(&Outcome::Listing { releases, validator: None }, 60);
    assert_eq!((kinds(&conclusion).len(), conclusion.next_check_at), (0, at(3_600)));
    assert_eq!(kinds(&life.check(&Outcome::Unchanged, 3_600)), ["item.outdated"]);
}

#[test]
fn nothing_is_judged_again_while_nothing_changed() {
    let mut life = Life::new(Some("1.0.0"));
    assert!(needs_known(&life.item, &life.installed, &Outcome::Unchanged), "never judged");
    life.check(&listing(&["1.1.0", "1.0.0"]), 0);
    assert!(!needs_known(&life.item, &life.installed, &Outcome::Unchanged));
    assert!(needs_known(&life.item, &life.installed, &listing(&[])));
    life.installed[0].installed = "1.1.0".to_owned();
    assert!(needs_known(&life.item, &life.installed, &Outcome::Unchanged), "another version is installed");
    life.check(&Outcome::Unchanged, 1);
    assert!(!needs_known(&life.item, &life.installed, &Outcome::Unchanged));
    life.item.spec.policy.prereleases = true;
    assert!(needs_known(&life.item, &life.installed, &Outcome::Unchanged), "the policy changed");
}

/// Something that happens to an item.
#[derive(Debug, Clone)]
enum Step {
    Listed(Vec<(u8, Option<i64>)>),
    Unchanged,
    Failed(bool),
    Installed(u8),
    MinimumAge(Option<u8>),
}

fn steps() -> impl Strategy<Value = Vec<(Step, i64)>> {
    let release = (0..6u8, proptest::option::of(-7_200..7_200i64));
    let step = prop_oneof![
        2 => proptest::collection::vec(release, 0..4).prop_map(Step::Listed),
        6 => Just(Step::Unchanged),
        1 => any::<bool>().prop_map(Step::Failed),
        1 => (0..6u8).prop_map(Step::Installed),
        1 => proptest::option::of(0..3u8).prop_map(Step::MinimumAge),
    ];
    proptest::collection::vec((step, 1..3_600i64), 1..20)
}

proptest! {
    /// Whoever judges each time and whoever judges where it is needed conclude the same.
    #[test]
    fn what_is_not_judged_again_comes_out_the_same(steps in steps()) {
        let mut lives = [Life::new(Some("1.0.0")), Life::new(Some("1.0.0"))];
        let mut now = 0;
        for (step, after) in steps {
            now += after;
            let outcome = match step {
                Step::Installed(minor) => {
                    lives.iter_mut().for_each(|life| life.installed[0].installed = format!("1.{minor}.0"));
                    continue;
                }
                Step::MinimumAge(hours) => {
                    let age = hours.map(|hours| format!("{hours}h").parse().unwrap());
                    lives.iter_mut().for_each(|life| life.item.spec.policy.minimum_age = age);
                    continue;
                }
                Step::Listed(releases) => {
                    let release = |(minor, published): (u8, Option<i64>)| {
                        let mut release = Release::new(format!("1.{minor}.0"));
                        release.published_at = published.map(|seconds| at(now + seconds));
                        release
                    };
                    let releases = releases.into_iter().map(release).collect();
                    Outcome::Listing { releases, validator: None }
                }
                Step::Unchanged => Outcome::Unchanged,
                Step::Failed(retryable) => error(retryable),
            };
            let [always, needed] = &mut lives;
            always.item.check.settled = None;
            // What is not needed is not looked at.
            let kept = std::mem::take(&mut needed.known);
            if needs_known(&needed.item, &needed.installed, &outcome) {
                needed.known.clone_from(&kept);
            }
            let (mut one, mut other) = (always.check(&outcome, now), needed.check(&outcome, now));
            if other.known.is_none() {
                needed.known = kept;
            }
            (one.check.settled, other.check.settled) = (None, None);
            prop_assert_eq!(one, other);
        }
    }
}
