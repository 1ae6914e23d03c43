use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

fn read(value: Json) -> Result<Rules, String> {
    let rules = Rules::new(serde_json::from_value(value).unwrap())?;
    rules.try_out()?;
    Ok(rules)
}

fn rule(when: &str) -> Result<Rules, String> {
    read(json!({ "rules": [{ "name": "r", "when": when, "then": "allow" }] }))
}

fn facts() -> Facts {
    Facts::example(&zone("UTC").unwrap()).unwrap()
}

fn holds(when: &str) -> bool {
    rule(when).unwrap_or_else(|e| panic!("{when}: {e}")).decide(&facts()).unwrap().is_none()
}

#[test]
fn rules_look_at_everything_that_a_hook_is_told() {
    for yes in [
        "true",
        "scope == 'shell' && sub_scope == 'shell:connect' && tenant == 'default'",
        "source.name.startsWith('sou') && target.name.endsWith('get') && source.name.contains('our')",
        "'shell:connect' in source.capabilities",
        "target.capabilities.exists(c, c.startsWith('shell:'))",
        "size(target.capabilities) == 1 && instance.size() == 32",
        "time.hour >= 8 && time.hour < 18 && !(time.weekday in ['sat', 'sun'])",
        "time.date == '2026-11-23' && time.year == 2026 && time.month == 11 && time.day == 23 && time.minute == 0",
        "time.unix == 1795435200 && time.weekday == 'mon'",
        "point == 'before-issue'",
        "has(source.name) ? true : false",
    ] {
        assert!(holds(yes), "{yes}");
    }
    for no in ["false", "source.name == target.name", "target.capabilities.all(c, c == 'x')", "1 > 2"] {
        assert!(!holds(no), "{no}");
    }
}

#[test]
fn the_first_rule_that_is_true_decides() {
    let rules = read(json!({ "time_zone": "Europe/Berlin", "rules": [
        { "name": "night", "when": "time.hour < 6", "then": "deny", "reason": "people sleep" },
        { "name": "shells", "when": "scope == 'shell'", "then": "allow" },
        { "name": "no-doors", "when": "scope == 'door'", "then": "deny" },
        { "name": "never", "when": "true", "then": "deny" },
    ] }))
    .unwrap();
    let at = |scope: &str, at: &str| {
        let admission = waystation_hook::Admission {
            tenant: "default".into(),
            scope: scope.into(),
            sub_scope: format!("{scope}:x"),
            instance: String::new(),
            source: waystation_hook::Party { name: "a".into(), capabilities: vec![], extra: vec![] },
            target: waystation_hook::Party { name: "b".into(), capabilities: vec![], extra: vec![] },
            at: at.into(),
            request: None,
            extra: vec![],
        };
        rules.decide(&Facts::of("before-issue", &admission, rules.zone()).unwrap()).unwrap()
    };
    assert_eq!(at("shell", "2026-07-01T04:00:00Z"), None, "six in Berlin");
    assert_eq!(at("shell", "2026-07-01T03:59:00Z").as_deref(), Some("people sleep (rule night)"));
    assert_eq!(at("door", "2026-07-01T12:00:00Z").as_deref(), Some("a rule denies it (rule no-doors)"));
    assert_eq!(at("else", "2026-07-01T12:00:00Z").as_deref(), Some("a rule denies it (rule never)"));
    let none = read(json!({ "rules": [] })).unwrap().decide(&facts()).unwrap();
    assert_eq!(none.as_deref(), Some("no rule allows it"));
    assert_eq!(read(json!({ "rules": [], "otherwise": "allow" })).unwrap().decide(&facts()).unwrap(), None);
}

#[test]
fn what_is_wrong_with_a_rule_is_told_with_its_place() {
    for (when, says) in [
        ("source.name ==", "`rules[0]` (r): line 1, column "),
        ("true &&\n  ) false", "line 2, column 3"),
        ("sorce.name == 'a'", "there is no `sorce`"),
        ("scope == 'x' &&\n  targt == 'b'", "`rules[0]` (r): line 2, column 3: there is no `targt`"),
        ("source.capabilities.exists(c, d == 'x')", "there is no `d`"),
        ("[1].exists(c, c == 1) && c == 1", "there is no `c`"),
        ("source.name", "is no yes or no, but a string"),
        ("1 + 1", "is no yes or no, but a int"),
        ("nothing(source)", "nothing"),
        ("source.name < 1", "<"),
        ("", "`rules[0]` (r): "),
    ] {
        let error = rule(when).map(drop).unwrap_err();
        assert!(error.contains(says), "{when}: {error}");
    }
    assert!(rule(&format!("true{}", " ".repeat(LONGEST))).map(drop).unwrap_err().contains("at most 2048"));
    let many = json!({ "name": "r", "when": "true", "then": "deny" });
    assert!(read(json!({ "rules": vec![many; 101] })).map(drop).unwrap_err().contains("at most 100"));
    assert!(read(json!({ "time_zone": "Berlin", "rules": [] })).map(drop).unwrap_err().contains("time zone"));
}

#[test]
fn a_rule_that_cannot_be_decided_is_no_answer() {
    let rules = rule("source.capabilities[7] == 'a'").unwrap();
    assert!(rules.decide(&facts()).unwrap_err().starts_with("`rules[0]` (r): "));
    let rules = rule("source.owner == 'a'").unwrap();
    assert!(rules.decide(&facts()).is_err());
}

proptest! {
    #[test]
    fn no_text_panics(when in "[a-z0-9 .()\\[\\]{}'\"&|!<>=+*/%?:,\\n-]{0,60}") {
        let _ = rule(&when).map(|rules| rules.decide(&facts()));
    }
}
