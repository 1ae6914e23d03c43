use waystation_core::{
    check::Outcome,
    event::{EventSeq, EventType},
    id::ItemId,
    item::KEPT_RELEASES,
    machine::{Standing, THIS_HOST},
    release::Release,
};
use waystation_store::nowhere;

use super::{Db, add, at, listing, spec, timing};

pub(crate) async fn an_item_is_added_found_changed_and_removed(db: Db) {
    let store = db.open().await;
    let added = add(&store, "ripgrep").await;
    assert_eq!(store.item(added.id).await.unwrap(), added);
    assert_eq!(store.item_named(&"ripgrep".parse().unwrap()).await.unwrap(), added);
    assert_eq!(store.count_items().await.unwrap(), 1);

    let changed = store.update_item(added.id, spec("rg"), at(5), &nowhere).await.unwrap();
    assert_eq!((changed.id, changed.created_at, changed.updated_at), (added.id, at(0), at(5)));
    assert_eq!(store.item_named(&"rg".parse().unwrap()).await.unwrap(), changed);
    assert_eq!(store.item_named(&"ripgrep".parse().unwrap()).await.unwrap_err().code(), "not-found");

    assert_eq!(store.remove_item(added.id, at(6), &nowhere).await.unwrap(), changed);
    for error in [
        store.item(added.id).await.unwrap_err(),
        store.remove_item(added.id, at(7), &nowhere).await.unwrap_err(),
        store.update_item(added.id, spec("rg"), at(7), &nowhere).await.unwrap_err(),
        store.check_item_at(ItemId::new(at(0), &[9; 10]), at(7)).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), "not-found");
    }
    let events = store.events_before(None, 10).await.unwrap();
    let kinds: Vec<_> = events.iter().rev().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["item.added", "item.changed", "item.removed"]);
}

pub(crate) async fn a_name_is_taken_once(db: Db) {
    let store = db.open().await;
    add(&store, "rg").await;
    let other = add(&store, "fd").await;
    let twice = store.add_item(spec("rg"), at(0), at(0), &nowhere).await.unwrap_err();
    assert_eq!((twice.code(), twice.to_string().starts_with("item rg exists already")), ("conflict", true));
    assert_eq!(
        store.update_item(other.id, spec("rg"), at(1), &nowhere).await.unwrap_err().code(),
        "conflict"
    );
    assert_eq!(store.item(other.id).await.unwrap(), other);
    assert_eq!(store.last_event().await.unwrap().0, 2);
}

pub(crate) async fn pages_follow_byte_order(db: Db) {
    let store = db.open().await;
    let names = ["a", "a+b", "a-b", "a.b", "a/b", "a0", "a@b", "a_b", "ab", "b"];
    for name in names.iter().rev() {
        add(&store, name).await;
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.items(after.as_ref(), 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.spec.name.clone());
        seen.extend(page.into_iter().map(|item| item.spec.name.to_string()));
    }
    assert_eq!(seen, names);
}

pub(crate) async fn another_question_forgets_the_old_answer(db: Db) {
    let store = db.open().await;
    let item = add(&store, "rg").await;
    store.record_check(item.id, &listing(&["1.0.0"]), &timing(0), &nowhere).await.unwrap();

    let mut same = spec("rg");
    same.policy.prereleases = true;
    let kept = store.update_item(item.id, same, at(1), &nowhere).await.unwrap();
    assert_eq!(kept.check.validator.as_deref(), Some("\"etag\""));
    assert_eq!(kept.next_check_at, at(1));
    assert_eq!(store.releases(item.id).await.unwrap().len(), 1);

    let mut other = spec("rg");
    other.locator = "someone/else".parse().unwrap();
    let forgot = store.update_item(item.id, other, at(2), &nowhere).await.unwrap();
    assert_eq!(forgot.check, waystation_core::check::CheckState::default());
    assert!(store.releases(item.id).await.unwrap().is_empty());
}

pub(crate) async fn what_is_installed_is_compared_and_told(db: Db) {
    let store = db.open().await;
    let machine = store.ensure_machine(&THIS_HOST.parse().unwrap(), at(0)).await.unwrap();
    assert_eq!(store.ensure_machine(&THIS_HOST.parse().unwrap(), at(9)).await.unwrap(), machine);
    let item = add(&store, "rg").await;
    let apt = "apt".parse().unwrap();
    let install = |version: &'static str, seconds| {
        store.record_installed(machine.id, item.id, &apt, version, at(seconds), &nowhere)
    };
    assert!(matches!(install("1.0.0", 1).await.unwrap().standing, Standing::Unknown { .. }));

    let checked =
        store.record_check(item.id, &listing(&["1.1.0", "1.0.0"]), &timing(2), &nowhere).await.unwrap();
    assert_eq!(checked.standings.len(), 1);
    let installed = store.installed(Some(item.id)).await.unwrap();
    assert_eq!(installed[0].standing.target(), Some("1.1.0"));
    assert_eq!(store.installed(None).await.unwrap(), installed);

    assert_eq!(install("1.1.0", 3).await.unwrap().standing, Standing::Current);
    let kinds: Vec<_> = store.events_after(Default::default(), 10).await.unwrap();
    let kinds: Vec<_> = kinds.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["item.added", "item.outdated", "item.current"]);

    let nobody = waystation_core::id::MachineId::new(at(0), &[7; 10]);
    let error = store.record_installed(nobody, item.id, &apt, "1", at(4), &nowhere).await.unwrap_err();
    assert_eq!(error.code(), "not-found");
    assert!(store.remove_installed(machine.id, item.id).await.unwrap());
    assert!(!store.remove_installed(machine.id, item.id).await.unwrap());
    install("1.1.0", 5).await.unwrap();
    store.remove_machine(machine.id).await.unwrap();
    assert!(store.installed(None).await.unwrap().is_empty());
    assert!(store.machines().await.unwrap().is_empty());
}

pub(crate) async fn releases_are_bounded(db: Db) {
    let store = db.open().await;
    let item = add(&store, "rg").await;
    let many: Vec<String> = (0..120).rev().map(|n| format!("1.0.{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (seconds, tail) in [(0, &many[60..]), (1, &many[30..]), (2, &many[..])] {
        let kept =
            store.record_check(item.id, &listing(tail), &timing(seconds), &nowhere).await.unwrap().known;
        let stored = store.releases(item.id).await.unwrap();
        assert_eq!(stored, kept.unwrap());
        let versions: Vec<_> = stored.iter().map(|known| known.release.version.as_str()).collect();
        assert_eq!(versions, &tail[..KEPT_RELEASES]);
    }
    let first_seen: Vec<_> =
        store.releases(item.id).await.unwrap().iter().map(|known| known.first_seen).collect();
    assert!(first_seen[..30].iter().all(|seen| *seen == at(2)));
    assert!(first_seen[30..].iter().all(|seen| *seen == at(1)));
}

/// Text that would do harm in a statement that is glued together.
const HOSTILE: [&str; 8] = [
    "'; DROP TABLE items; --",
    "x'); DELETE FROM events; --",
    "\" OR \"1\"=\"1",
    "' UNION SELECT value FROM kv --",
    "% _ \\ $1 ?1 :name @name",
    "\0 \u{1} \r\n",
    "ä 🚉 \u{202e} \u{10ffff}",
    "*/ 1; PRAGMA writable_schema = 1; /*",
];

pub(crate) async fn hostile_text_comes_back_and_changes_nothing_else(db: Db) {
    let store = db.open().await;
    let bystander = add(&store, "bystander").await;
    let machine = store.ensure_machine(&"this-host".parse().unwrap(), at(0)).await.unwrap();
    for (n, text) in HOSTILE.into_iter().enumerate() {
        let mut spec = spec(&format!("item-{n}"));
        spec.options.insert(text.to_owned(), text.into());
        if let Ok(locator) = text.parse() {
            spec.locator = locator;
        }
        let item = store.add_item(spec.clone(), at(0), at(0), &nowhere).await.unwrap();
        let manager = "apt".parse().unwrap();
        store.record_installed(machine.id, item.id, &manager, text, at(0), &nowhere).await.unwrap();
        let listing = Outcome::Listing {
            releases: vec![Release { channel: Some(text.to_owned()), ..Release::new("1.0.0") }],
            validator: Some(text.to_owned()),
        };
        store.record_check(item.id, &listing, &timing(0), &nowhere).await.unwrap();

        let kept = store.item_named(&spec.name).await.unwrap();
        assert_eq!(kept.spec, spec);
        // PostgreSQL has no text with a zero in it.
        let (without_zero, shown) =
            (text.replace('\0', "\u{fffd}"), |kept: &str| kept.replace('\0', "\u{fffd}"));
        assert_eq!(kept.check.validator.as_deref().map(shown), Some(without_zero.clone()));
        let installed = store.installed(Some(item.id)).await.unwrap();
        assert_eq!(installed.iter().map(|i| shown(&i.installed)).collect::<Vec<_>>(), [without_zero]);
        let releases = store.releases(item.id).await.unwrap();
        let channels: Vec<_> = releases.iter().map(|known| known.release.channel.as_deref()).collect();
        assert_eq!(channels, [Some(text)]);
    }
    assert_eq!(store.items(None, 100).await.unwrap().len(), HOSTILE.len() + 1);
    assert_eq!(store.item_named(&bystander.spec.name).await.unwrap(), bystander);
    let added = |event: &waystation_core::event::Event| event.kind == EventType::ITEM_ADDED;
    let events = store.events_after(EventSeq(0), 1_000).await.unwrap();
    assert_eq!(events.iter().filter(|event| added(event)).count(), HOSTILE.len() + 1);
}
