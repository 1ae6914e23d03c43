#![allow(clippy::unwrap_used, reason = "tests")]

mod laws;
mod page;

use serde_json::{Value, json};

use super::*;

pub(super) fn target(json: &Value) -> Target {
    let text = |key: &str| json[key].as_str();
    Target {
        machine: text("machine").map(|name| name.parse().unwrap()),
        tags: json["tags"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|t| t.as_str().unwrap().parse().unwrap())
            .collect(),
        item: text("item").map(|name| name.parse().unwrap()),
        scope: text("scope").map(|name| name.parse().unwrap()),
    }
}

fn role(name: &str, grants: &Value) -> Role {
    serde_json::from_value(json!({ "name": name, "grants": grants })).unwrap()
}

fn action(text: &str) -> Action {
    text.parse().unwrap()
}

fn built_in(name: &str) -> Role {
    built_in_roles().into_iter().find(|role| role.name.as_str() == name).unwrap()
}

fn user(roles: &[Role]) -> Subject<'_> {
    Subject { name: "ann", roles, token: None }
}

fn catalogue() -> Catalogue {
    Catalogue::with([action("plugin.acme/lights:read"), action("plugin.acme/lights:switch")]).unwrap()
}

#[test]
fn an_action_is_two_words_in_one_spelling() {
    for good in ["item:read", "plugin:read", "plugin.acme/lights:switch", "plugin.a_b.c-1:read-all", "a:b"] {
        assert_eq!(action(good).to_string(), good);
    }
    assert!(!action("plugin:read").of_a_plugin() && action("plugin.x:read").of_a_plugin());
    let long = format!("plugin.{}:{}", "n".repeat(128), "v".repeat(33));
    for bad in [
        "",
        ":",
        "item",
        "item:",
        ":read",
        "item:read:more",
        "Item:read",
        "item: read",
        "item:read ",
        "item:*",
        "*:read",
        "1tem:read",
        "item.x:read",
        "plugin.:read",
        "plugin.X:read",
        "plugin.*:read",
        "ïtem:read",
        "item:read\0",
        &long,
    ] {
        let error = bad.parse::<Action>().unwrap_err();
        assert_eq!(error.code(), "invalid-action", "{bad:?}");
        assert!(error.to_string().len() < 400);
    }
    let longest = format!("plugin.{}:{}", "n".repeat(128), "v".repeat(32));
    assert_eq!(action(&longest).to_string(), longest);
}

#[test]
fn a_pattern_matches_what_it_says_and_what_matches_nothing_is_refused() {
    let matches = |pattern: &str, text: &str| pattern.parse::<Pattern>().unwrap().matches(&action(text));
    for (pattern, yes, no) in [
        ("item:read", "item:read", "item:write"),
        ("item:*", "item:remove", "check:run"),
        ("*:read", "user:read", "user:write"),
        ("*:read", "item:read", "plugin.acme/lights:read"),
        ("*:*", "data:reset", "plugin.acme/lights:switch"),
        ("plugin:*", "plugin:enable", "plugin.acme/lights:switch"),
        ("plugin.acme/lights:*", "plugin.acme/lights:switch", "plugin.acme/light:switch"),
        ("plugin.*:read", "plugin.acme/lights:read", "plugin.acme/lights:switch"),
        ("plugin.*:*", "plugin.acme/lights:switch", "plugin:read"),
    ] {
        assert!(matches(pattern, yes), "{pattern} {yes}");
        assert!(!matches(pattern, no), "{pattern} {no}");
        assert_eq!(pattern.parse::<Pattern>().unwrap().to_string(), pattern);
    }
    for bad in [
        "",
        "*",
        "**:*",
        "it*:read",
        "item:re*",
        "item",
        "item:*:*",
        "ITEM:*",
        "plugin.a*:read",
        "plugin.:*",
        ":",
    ] {
        assert_eq!(bad.parse::<Pattern>().unwrap_err().code(), "invalid-action-pattern", "{bad:?}");
    }
    for (unknown, hint) in
        [("item:reed", "item:read"), ("itm:read", "item:*"), ("*:reed", "*:read"), ("itm:*", "item:*")]
    {
        let error = unknown.parse::<Pattern>().unwrap_err();
        assert_eq!(error.code(), "unknown-action", "{unknown}");
        assert!(error.to_string().contains(hint), "{error}");
    }
}

#[test]
fn a_glob_matches_the_whole_name() {
    let matches = |glob: &str, name: &str| glob.parse::<Glob>().unwrap().matches(name);
    for (glob, yes, no) in [
        ("web-1", "web-1", "web-10"),
        ("web-*", "web-", "db-web-1"),
        ("*-1", "web-1", "web-1-x"),
        ("*", "x", "\u{0}never"),
        ("a*b*c", "axxbyyc", "axxcyyb"),
        ("a*a", "aa", "a"),
        ("*ab*ab", "abxabab", "abxaba"),
        ("**", "anything", "\u{0}never"),
        ("a.c", "a.c", "abc"),
    ] {
        assert!(matches(glob, yes), "{glob} {yes}");
        assert!(no.starts_with('\0') || !matches(glob, no), "{glob} {no}");
    }
    // The worst case ends soon: each star goes back once over the name.
    let (glob, name) = (format!("{}b", "a*".repeat(63)), "a".repeat(128));
    assert!(!matches(&glob, &name));
    for bad in ["", "Web", "we b", "web?", "[a]", "ä", &"a".repeat(129)] {
        assert_eq!(bad.parse::<Glob>().unwrap_err().code(), "invalid-name-pattern", "{bad:?}");
    }
}

#[test]
fn a_role_is_refused_whole() {
    let refused = |grants: &Value| -> String {
        let text = serde_json::to_string(&json!({ "name": "x", "grants": grants })).unwrap();
        serde_json::from_str::<Role>(&text).unwrap_err().to_string()
    };
    for (grants, says) in [
        (json!([{ "actions": [] }]), "a grant has no actions"),
        (json!([{}]), "missing field `actions`"),
        (json!([{ "actions": ["item:read"], "not": ["item:write"] }]), "unknown field `not`"),
        (json!([{ "actions": ["item:read"], "on": { "items": ["a"] } }]), "unknown field `items`"),
        (json!([{ "actions": ["item:read"], "on": { "item": [] } }]), "the list of a selector is empty"),
        (json!([{ "actions": ["item:read"], "on": { "item": "a" } }]), "invalid type"),
        (json!([{ "actions": ["user:read"], "on": { "item": ["a"] } }]), "that has the attribute `item`"),
        (json!([{ "actions": ["item:read", "nothing:read"] }]), "there are: host:*, machine:*"),
        (json!([{ "actions": vec!["item:read"; MAX_PATTERNS + 1] }]), "257 actions in a grant are too many"),
        (
            json!([{ "actions": ["item:read"], "on": { "item": vec!["a"; MAX_GLOBS + 1] } }]),
            "257 names in a selector",
        ),
        (json!(vec![json!({ "actions": ["item:read"] }); MAX_GRANTS + 1]), "257 grants are too many"),
    ] {
        let error = refused(&grants);
        assert!(error.contains(says), "{says}: {error}");
    }
    let edge = role("x", &json!(vec![json!({ "actions": vec!["item:read"; MAX_PATTERNS] }); MAX_GRANTS]));
    assert_eq!(edge.grants.grants().len(), MAX_GRANTS);
    for bad in [json!({ "name": "X", "grants": [] }), json!({ "name": "x", "grants": [], "deny": [] })] {
        assert!(serde_json::from_value::<Role>(bad).is_err());
    }
}

#[test]
fn a_role_reads_the_same_from_toml_and_when_written_out() {
    let text = "name = \"night\"\nabout = \"Nights.\"\n[[grants]]\nactions = [\"item:*\", \"event:read\"]\n\
                on = { item = [\"rip*\"] }\n";
    let from_toml: Role = toml::from_str(text).unwrap();
    let json = serde_json::to_string(&from_toml).unwrap();
    assert_eq!(serde_json::from_str::<Role>(&json).unwrap(), from_toml);
    for role in built_in_roles() {
        let json = serde_json::to_value(&role).unwrap();
        assert_eq!(serde_json::from_value::<Role>(json).unwrap(), role);
    }
}

#[test]
fn a_selector_on_what_a_target_does_not_have_does_not_match() {
    let everything =
        target(&json!({ "machine": "web-1", "tags": ["prod", "eu"], "item": "ripgrep", "scope": "shell" }));
    let selector = |json: Value| serde_json::from_value::<Selector>(json).unwrap();
    assert!(selector(json!({})).misses(&Target::default()).is_empty());
    for (attribute, yes, no) in [
        ("machine", "web-*", "db-*"),
        ("tag", "eu", "us"),
        ("item", "rip*", "grip*"),
        ("scope", "shell", "shel"),
    ] {
        let yes = selector(json!({ attribute: [no, yes] }));
        assert!(yes.misses(&everything).is_empty(), "{attribute}");
        let no = selector(json!({ attribute: [no] }));
        assert_eq!(no.misses(&everything).len(), 1, "{attribute}");
        let anything = selector(json!({ attribute: ["*"] }));
        assert!(anything.misses(&everything).is_empty(), "{attribute}");
        let misses = anything.misses(&Target::default());
        assert!(matches!(misses.as_slice(), [miss] if miss.found.is_empty()), "{attribute}");
    }
    let both = selector(json!({ "machine": ["web-1"], "item": ["fd"] }));
    assert_eq!(both.misses(&everything).len(), 1, "all that is asked must hold");
}

#[test]
fn built_in_roles_are_each_within_the_one_above() {
    let roles = built_in_roles();
    let names: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["owner", "admin", "operator", "viewer"]);
    let catalogue = catalogue();
    let allowed = |name: &str, text: &str| {
        decide(&catalogue, &user(&[built_in(name)]), &action(text), &Target::default()).allowed()
    };
    for text in BUILT_IN.iter().flat_map(Resource::actions) {
        assert!(allowed("owner", &text), "{text}");
        for (more, less) in [("admin", "operator"), ("operator", "viewer")] {
            assert!(allowed(more, &text) || !allowed(less, &text), "{less} has more than {more}: {text}");
        }
        assert!(text.ends_with(":read") || !allowed("viewer", &text), "{text}");
    }
    for text in ["role:write", "role:remove", "user:assign", "user:remove", "data:reset"] {
        assert!(!allowed("admin", text), "{text} leads to everything, or to nothing");
    }
    for text in [
        "machine:tag",
        "machine:remove",
        "user:read",
        "token:read",
        "audit:read",
        "settings:read",
        "enrolment:read",
        "plugin:enable",
    ] {
        assert!(!allowed("operator", text), "{text}");
    }
    let (owner, viewer) = ("plugin.acme/lights:switch", "plugin.acme/lights:read");
    assert!(allowed("owner", owner) && allowed("admin", owner) && !allowed("viewer", viewer));
}

#[test]
fn what_nobody_knows_is_denied_to_everybody() {
    let owner = [built_in("owner")];
    for text in ["item:fly", "nothing:read", "plugin.acme/other:read", "plugin.acme/lights:burn"] {
        let decision = decide(&catalogue(), &user(&owner), &action(text), &Target::default());
        assert_eq!((decision.allowed(), decision.code()), (false, "unknown-action"), "{text}");
        assert!(!somewhere(&catalogue(), &user(&owner), &action(text)), "{text}");
    }
    let gone =
        decide(&Catalogue::default(), &user(&owner), &action("plugin.acme/lights:read"), &Target::default());
    assert!(!gone.allowed(), "the actions of a plugin go with it");
    assert_eq!(Catalogue::with([action("item:fly")]).unwrap_err().code(), "not-of-a-plugin");
}

#[test]
fn a_decision_says_which_rule_decided() {
    let roles = [
        role(
            "web",
            &json!([{ "actions": ["machine:*"], "on": { "machine": ["web-*"], "tag": ["prod", "eu"] } }]),
        ),
        role("reader", &json!([{ "actions": ["*:read"] }])),
    ];
    let on = |machine: &str| target(&json!({ "machine": machine, "tags": ["eu", "test"] }));
    let say = |subject: &Subject<'_>, text: &str, target: &Target| {
        let action = action(text);
        let decision = decide(&catalogue(), subject, &action, target);
        format!("{} {}", decision.code(), explain(subject, &action, target, &decision))
    };
    let ann = user(&roles);
    assert_eq!(
        say(&ann, "machine:write", &on("web-1")),
        "granted `ann` may `machine:write` on machine web-1, tag eu and test: the role `web` grants `machine:*` where \
         machine is `web-*` and tag is `prod` or `eu`",
    );
    assert_eq!(
        say(&ann, "machine:write", &on("db-1")),
        "no-grant `ann` may not `machine:write` on machine db-1, tag eu and test: the role `web` grants `machine:*` where \
         machine is `web-*` and tag is `prod` or `eu` only; the machine of this is db-1",
    );
    assert_eq!(
        say(&ann, "machine:write", &Target::default()),
        "no-grant `ann` may not `machine:write` on the host: the role `web` grants `machine:*` where machine is `web-*` \
         and tag is `prod` or `eu` only; this has no machine, and this has no tag",
    );
    assert_eq!(
        say(&ann, "user:write", &Target::default()),
        "no-grant `ann` may not `user:write` on the host: none of their roles allows it, on anything",
    );
    assert_eq!(
        say(&user(&[]), "item:read", &Target::default()),
        "no-role `ann` may not `item:read` on the host: no role was given to them",
    );
    let scope: Scope =
        serde_json::from_value(json!([{ "actions": ["item:read"], "on": { "item": ["rg"] } }])).unwrap();
    let ci = Subject { token: Some(Token { name: "ci", scope: &scope }), ..ann };
    assert_eq!(
        say(&ci, "item:read", &target(&json!({ "item": "rg" }))),
        "granted `ann` with the token `ci` may `item:read` on item rg: the role `reader` grants `*:read`, and the token is \
         for `item:read` where item is `rg`",
    );
    assert_eq!(
        say(&ci, "item:read", &target(&json!({ "item": "fd" }))),
        "outside-token `ann` with the token `ci` may not `item:read` on item fd: they may themselves, but the token is for \
         `item:read` where item is `rg` only; the item of this is fd",
    );
    assert_eq!(
        say(&ci, "machine:read", &on("web-1")),
        "outside-token `ann` with the token `ci` may not `machine:read` on machine web-1, tag eu and test: they may \
         themselves, but the token is not for that",
    );
    assert!(somewhere(&catalogue(), &ann, &action("machine:write")));
    assert!(!somewhere(&catalogue(), &ann, &action("user:write")));
    assert!(!somewhere(&catalogue(), &ci, &action("machine:read")));
}

#[test]
fn a_target_is_read_as_people_write_it() {
    let read = |text: &str| text.parse::<Target>();
    assert_eq!(read("host"), Ok(Target::default()));
    let full =
        target(&json!({ "machine": "web-1", "tags": ["eu", "prod"], "item": "ripgrep", "scope": "shell" }));
    for same in [
        "machine=web-1,tag=eu,tag=prod,item=ripgrep,scope=shell",
        "scope=shell,tag=prod,item=ripgrep,tag=eu,machine=web-1",
    ] {
        assert_eq!(read(same), Ok(full.clone()), "{same}");
    }
    assert_eq!(full.to_string(), "machine web-1, tag eu and prod, item ripgrep, scope shell");
    for bad in [
        "",
        "web-1",
        "machine",
        "machine=a,",
        "host,machine=a",
        "Machine=a",
        "user=a",
        "machine=a, tag=b",
        "machine=a,machine=b",
        "tag=a,tag=a",
        "item=a,item=a",
        "scope=a,scope=b",
        "scope=agents",
    ] {
        assert_eq!(read(bad).unwrap_err().code(), "invalid-target", "{bad:?}");
    }
    for bad in ["machine=", "machine=*", "machine=Web", "tag=a b", "item=a=b"] {
        assert_eq!(read(bad).unwrap_err().code(), "invalid-name", "{bad:?}");
    }
}

#[test]
fn a_token_without_a_scope_is_for_nothing() {
    let scope: Scope = serde_json::from_value(json!([])).unwrap();
    let roles = [built_in("owner")];
    let subject = Subject { name: "ann", roles: &roles, token: Some(Token { name: "t", scope: &scope }) };
    for text in BUILT_IN.iter().flat_map(Resource::actions) {
        assert_eq!(
            decide(&catalogue(), &subject, &action(&text), &Target::default()).code(),
            "outside-token",
            "{text}"
        );
    }
}
