//! Whether somebody becomes a user by coming, by what the provider says of them.

use serde_json::{Map, Value};
use waystation_store::users::Joining;

use crate::config::Join;

/// The longest claim that is looked through, in values.
const MAX_VALUES: usize = 1_000;

/// What follows from these claims.
pub(super) fn joining(rule: Option<&Join>, claims: &Map<String, Value>) -> Joining {
    let Some(rule) = rule else { return Joining::Off };
    let wanted = |value: &Value| value.as_str().is_some_and(|text| rule.values.iter().any(|one| one == text));
    let member = match claims.get(&rule.claim) {
        Some(Value::Array(values)) => values.iter().take(MAX_VALUES).any(wanted),
        Some(value) => wanted(value),
        None => false,
    };
    if !member {
        return Joining::Refused;
    }
    let name = claims.get(&rule.name).and_then(Value::as_str);
    let roles = rule.roles.iter().filter_map(|role| role.parse().ok()).collect();
    Joining::Member { name: name.and_then(|name| name.to_ascii_lowercase().parse().ok()), roles }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule() -> Join {
        Join {
            claim: "groups".into(),
            values: vec!["ops".into(), "Dev Team".into()],
            roles: vec!["operator".into()],
            name: "preferred_username".into(),
        }
    }

    fn of(claims: &Value) -> Joining {
        joining(Some(&rule()), claims.as_object().unwrap())
    }

    #[test]
    fn whoever_has_a_value_joins_and_nobody_else() {
        let member = |name: Option<&str>| Joining::Member {
            name: name.map(|name| name.parse().unwrap()),
            roles: ["operator".parse().unwrap()].into(),
        };
        for groups in [json!("ops"), json!(["x", "ops"]), json!(["Dev Team"]), json!([1, null, "ops"])] {
            let claims = json!({ "groups": groups, "preferred_username": "Ann" });
            assert_eq!(of(&claims), member(Some("ann")), "{claims}");
        }
        for groups in [
            json!("OPS"),
            json!("ops "),
            json!("opsx"),
            json!(["dev team"]),
            json!([]),
            json!([["ops"]]),
            json!({ "ops": true }),
            json!(true),
            Value::Null,
        ] {
            let claims = json!({ "groups": groups, "preferred_username": "ann" });
            assert_eq!(of(&claims), Joining::Refused, "{claims}");
        }
        assert_eq!(of(&json!({ "group": "ops", "preferred_username": "ann" })), Joining::Refused);
        assert_eq!(joining(None, json!({ "groups": "ops" }).as_object().unwrap()), Joining::Off);
        let many: Vec<_> = std::iter::repeat_n("x", MAX_VALUES).chain(["ops"]).collect();
        assert_eq!(of(&json!({ "groups": many })), Joining::Refused, "a claim without end");
    }

    #[test]
    fn they_are_named_by_a_claim_that_is_a_name() {
        let named = |name: Value| match of(&json!({ "groups": "ops", "preferred_username": name })) {
            Joining::Member { name, .. } => name.map(|name| name.to_string()),
            _ => panic!(),
        };
        assert_eq!(named(json!("ann@example.org")).as_deref(), Some("ann@example.org"));
        for bad in [
            json!(null),
            json!(7),
            json!(""),
            json!("a b"),
            json!("änn"),
            json!("../x"),
            json!("x".repeat(129)),
        ] {
            assert_eq!(named(bad.clone()), None, "{bad}");
        }
    }
}
