#![expect(clippy::needless_pass_by_value, reason = "options are written in place")]

use super::*;
use serde_json::json;
use waystation_update_source::plugin::config::options;

fn of(document: &Value, json: Value) -> Result<Vec<Release>, Problem> {
    let base = Url::parse("https://a.example/api/index.json").unwrap();
    releases(document, &options(&json.to_string()).unwrap(), &base)
}

fn versions(document: &Value, json: Value) -> Vec<String> {
    of(document, json).unwrap().into_iter().map(|release| release.version).collect()
}

fn refusal(document: &Value, json: Value) -> String {
    let problem = of(document, json).unwrap_err();
    assert_eq!(problem.code(), "bad-response");
    problem.to_string()
}

#[test]
fn texts_objects_and_keys_give_versions() {
    let texts = json!(["v1.0", "v1.1", "nightly", 7]);
    assert_eq!(versions(&texts, json!({"versions": "$[*]"})), ["v1.0", "v1.1", "nightly", "7"]);
    assert_eq!(versions(&texts, json!({"versions": "$[*]", "pattern": "^v(?<version>.+)$"})), ["1.0", "1.1"]);
    let objects = json!({"releases": [{"tag": {"name": "2.0"}}, {"other": 1}, {"tag": {"name": 1.5}}]});
    assert_eq!(
        versions(&objects, json!({"versions": "$.releases[*]", "version": "$.tag.name"})),
        ["2.0", "1.5"]
    );
    let keys = json!({"versions": {"1.0.0": {"yanked": true}, "1.1.0": {}}});
    let found =
        of(&keys, json!({"versions": "$.versions.*", "version": "@key", "withdrawn": "$.yanked"})).unwrap();
    let pairs: Vec<_> = found.iter().map(|release| (release.version.as_str(), release.withdrawn)).collect();
    assert_eq!(pairs, [("1.0.0", true), ("1.1.0", false)]);
    let one = json!({"latest": {"version": "3.1"}});
    assert_eq!(versions(&one, json!({"versions": "$.latest.version"})), ["3.1"]);
}

#[test]
fn an_empty_text_is_no_version() {
    let rules = || json!({"versions": "$[*]"});
    assert_eq!(versions(&json!(["1.0", "", " "]), rules()), ["1.0"]);
    assert!(refusal(&json!([""]), rules()).contains("is empty"));
}

#[test]
fn everything_else_is_found_beside_the_version() {
    let document = json!([{
        "v": "1.0", "at": "2026-01-31", "page": "notes/1.0", "lts": "Iron", "beta": false, "gone": "",
        "files": [
            {"u": "/f/a.tar.gz", "n": "a", "s": "12", "h": "AB".repeat(32), "h5": "sha512-xyz"},
            {"u": "https://cdn.example/b%20c.zip", "s": 7, "h": "sha256:".to_owned() + &"cd".repeat(32)},
            {"u": "javascript:alert(1)"},
            {"n": "no address"},
        ],
    }]);
    let rules = json!({
        "versions": "$[*]", "version": "$.v", "date": "$.at", "url": "$.page", "channel": "$.lts",
        "prerelease": "$.beta", "withdrawn": "$.gone",
        "assets": {"select": "$.files[*]", "url": "$.u", "name": "$.n", "size": "$.s", "sha256": "$.h", "sha512": "$.h5"},
    });
    let release = of(&document, rules).unwrap().remove(0);
    assert_eq!(release.published_at, Some(1_769_817_600));
    assert_eq!(release.url.as_deref(), Some("https://a.example/api/notes/1.0"));
    assert_eq!(
        (release.channel.as_deref(), release.prerelease, release.withdrawn),
        (Some("Iron"), false, false)
    );
    let files: Vec<_> =
        release.assets.iter().map(|file| (file.name.as_str(), file.url.as_str(), file.size)).collect();
    assert_eq!(
        files,
        [
            ("a", "https://a.example/f/a.tar.gz", Some(12)),
            ("b c.zip", "https://cdn.example/b%20c.zip", Some(7))
        ]
    );
    assert_eq!(release.assets[0].digests.len(), 1);
    assert_eq!(release.assets[0].digests[0].value, "ab".repeat(32));
    assert_eq!(release.assets[1].digests[0].value, "cd".repeat(32));
}

#[test]
fn addresses_alone_are_files_too() {
    let document = json!([{"v": "1", "files": ["a.zip", "b.tar.gz", 5]}]);
    let rules =
        json!({"versions": "$[*]", "version": "$.v", "assets": {"select": "$.files[*]", "pattern": "zip$"}});
    let release = of(&document, rules).unwrap().remove(0);
    assert_eq!(release.assets.len(), 1);
    assert_eq!(release.assets[0].url, "https://a.example/api/a.zip");
}

#[test]
fn prereleases_are_told_by_mark_pattern_or_version() {
    let document = json!([{"v": "1.0-rc1", "pre": false}, {"v": "1.0-rc2"}, {"v": "2.0-next", "pre": true}, {"v": "3.0-x"}]);
    let flags = |json: Value| {
        of(&document, json).unwrap().iter().map(|release| release.prerelease).collect::<Vec<_>>()
    };
    assert_eq!(
        flags(json!({"versions": "$[*]", "version": "$.v", "prerelease": "$.pre"})),
        [false, true, true, false]
    );
    assert_eq!(
        flags(json!({"versions": "$[*]", "version": "$.v", "prerelease_pattern": "x$"})),
        [false, false, false, true]
    );
}

#[test]
fn a_path_that_leads_nowhere_shows_where_it_is() {
    let document = json!({"data": {"items": [{"name": "1.0"}]}, "count": 1});
    let cases = [
        (json!({"versions": "$.releases[*]"}), "the document is an object with `count`, `data`"),
        (json!({"versions": "$.data[*].x"}), "the document is an object"),
        (json!({"versions": "$.count[*]"}), "selects nothing in the number 1"),
        (
            json!({"versions": "$.data.items[*]"}),
            "at `$['data']['items'][0]` there is an object with `name`; say with `version`",
        ),
        (
            json!({"versions": "$.data.items[*]", "version": "$.tag"}),
            "`version` (`$.tag`) finds no text at `$['data']['items'][0]`",
        ),
        (json!({"versions": "$.data.items[*]", "version": "@key"}), "`@key` has no name"),
        (
            json!({"versions": "$..name", "pattern": "^v(.*)"}),
            "`1.0` at `$['data']['items'][0]['name']` does not fit `pattern`",
        ),
        (json!({"versions": "$"}), "there is an object"),
    ];
    for (rules, part) in cases {
        let message = refusal(&document, rules);
        assert!(message.contains(part), "{message} / {part}");
    }
}

#[test]
fn an_empty_list_is_no_mistake() {
    assert!(of(&json!({"releases": []}), json!({"versions": "$.releases[*]"})).unwrap().is_empty());
    assert!(of(&json!({"releases": {}}), json!({"versions": "$.releases.*"})).unwrap().is_empty());
    assert!(refusal(&json!([]), json!({"versions": "$.releases[*]"})).contains("an empty array"));
}

#[test]
fn numbers_of_releases_and_files_are_bounded() {
    let many: Value = (0..MAX_RELEASES + 5).map(|n| json!(format!("1.{n}"))).collect();
    assert_eq!(versions(&many, json!({"versions": "$[*]"})).len(), MAX_RELEASES);
    let files: Vec<_> = (0..MAX_ASSETS + 5).map(|n| format!("f{n}")).collect();
    let document = json!([{"v": "1", "files": files}]);
    let rules = json!({"versions": "$[*]", "version": "$.v", "assets": {"select": "$.files[*]"}});
    assert_eq!(of(&document, rules).unwrap()[0].assets.len(), MAX_ASSETS);
}

proptest::proptest! {
    #[test]
    fn no_document_makes_it_panic(text in "[\\[\\]{}\",:0-9av. ]{0,80}", path in "\\$(\\.a|\\[\\*\\]|\\.\\*|\\.\\.a|\\[0\\]){0,4}") {
        if let Ok(document) = crate::document::parse(text.as_bytes()) {
            let rules = json!({
                "versions": path, "date": "$", "url": "$", "prerelease": "$", "withdrawn": "$..a",
                "assets": {"select": "$..*", "name": "$"},
            });
            let _ = of(&document, rules);
        }
    }
}
