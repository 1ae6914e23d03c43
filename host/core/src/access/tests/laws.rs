//! What holds for any roles, actions and targets.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::json;

use super::super::*;
use super::target;

const PATTERNS: [&str; 13] = [
    "item:read",
    "item:*",
    "*:read",
    "*:*",
    "machine:write",
    "machine:*",
    "check:run",
    "ticket:*",
    "user:read",
    "plugin.x:read",
    "plugin.x:*",
    "plugin.*:read",
    "plugin.*:*",
];
const ACTIONS: [&str; 11] = [
    "item:read",
    "item:write",
    "machine:read",
    "machine:write",
    "check:run",
    "ticket:revoke",
    "user:read",
    "plugin.x:read",
    "plugin.x:write",
    "plugin.y:read",
    "nothing:read",
];
const GLOBS: [&str; 6] = ["a", "b", "a*", "*b", "*", "ab"];
const NAMES: [&str; 4] = ["a", "b", "ab", "ba"];

fn globs() -> impl Strategy<Value = Option<Globs>> {
    option::weighted(
        0.3,
        vec(select(&GLOBS[..]).prop_map(|glob| glob.parse().unwrap()), 1..3)
            .prop_map(|list: Vec<Glob>| list.try_into().unwrap()),
    )
}

fn selector() -> impl Strategy<Value = Selector> {
    (globs(), globs(), globs(), globs()).prop_map(|(machine, tag, item, scope)| Selector {
        machine,
        tag,
        item,
        scope,
    })
}

fn grant() -> impl Strategy<Value = Grant> {
    let patterns = vec(select(&PATTERNS[..]).prop_map(|pattern| pattern.parse().unwrap()), 1..4);
    (patterns, selector()).prop_filter_map("pointless", |(patterns, on)| Grant::new(patterns, on).ok())
}

fn scope() -> impl Strategy<Value = Scope> {
    vec(grant(), 0..4).prop_map(|grants| grants.try_into().unwrap())
}

fn role() -> impl Strategy<Value = Role> {
    (select(&NAMES[..]), scope()).prop_map(|(name, grants)| Role {
        name: name.parse().unwrap(),
        about: String::new(),
        grants,
    })
}

fn any_target() -> impl Strategy<Value = Target> {
    let name = || option::of(select(&NAMES[..]));
    (name(), vec(select(&NAMES[..]), 0..3), name(), name()).prop_map(|(machine, tags, item, scope)| {
        target(&json!({ "machine": machine, "tags": tags, "item": item, "scope": scope }))
    })
}

fn action() -> impl Strategy<Value = Action> {
    select(&ACTIONS[..]).prop_map(|text| text.parse().unwrap())
}

fn catalogue() -> Catalogue {
    Catalogue::with(["plugin.x:read", "plugin.x:write"].map(|text| text.parse().unwrap())).unwrap()
}

fn judged(roles: &[Role], token: Option<&Scope>, action: &Action, target: &Target) -> Decision {
    let token = token.map(|scope| Token { name: "t", scope });
    decide(&catalogue(), &Subject { name: "u", roles, token }, action, target)
}

/// Every role set that has one thing less than this one: a role, a grant, a pattern of actions, a name in a selector; or
/// one selector more.
fn reduced(roles: &[Role], more: &Selector) -> Vec<Vec<Role>> {
    let mut all = Vec::new();
    for (r, role) in roles.iter().enumerate() {
        let mut without = roles.to_vec();
        without.remove(r);
        all.push(without);
        let grants = role.grants.grants();
        let mut with = |grants: Vec<Grant>| {
            let mut roles = roles.to_vec();
            roles[r].grants = grants.try_into().unwrap();
            all.push(roles);
        };
        for (g, grant) in grants.iter().enumerate() {
            let mut fewer = grants.to_vec();
            fewer.remove(g);
            with(fewer);
            let mut replaced = |grant: Result<Grant, AccessError>| {
                let mut grants = grants.to_vec();
                // What is refused is never stored.
                let Ok(grant) = grant else { return };
                grants[g] = grant;
                with(grants);
            };
            for p in 0..grant.actions().len() {
                let mut patterns = grant.actions().to_vec();
                patterns.remove(p);
                replaced(Grant::new(patterns, grant.on().clone()));
            }
            for attribute in Attribute::ALL {
                let on = |globs: Option<Globs>| {
                    let mut on = grant.on().clone();
                    match attribute {
                        Attribute::Machine => on.machine = globs,
                        Attribute::Tag => on.tag = globs,
                        Attribute::Item => on.item = globs,
                        Attribute::Scope => on.scope = globs,
                    }
                    Grant::new(grant.actions().to_vec(), on)
                };
                match (grant.on().of(attribute), more.of(attribute)) {
                    (None, Some(globs)) => replaced(on(Some(globs.clone()))),
                    (Some(globs), _) => {
                        let mut fewer = Vec::from(globs.clone());
                        fewer.pop();
                        if let Ok(globs) = fewer.try_into() {
                            replaced(on(Some(globs)));
                        }
                    }
                    (None, None) => {}
                }
            }
        }
    }
    all
}

proptest! {
    /// Whatever is taken away, nothing more is allowed; so whatever is added, nothing more is denied.
    #[test]
    fn taking_away_never_allows_more(
        roles in vec(role(), 0..4), more in selector(), token in option::of(scope()), action in action(), target in any_target(),
    ) {
        let before = judged(&roles, token.as_ref(), &action, &target).allowed();
        for less in reduced(&roles, &more) {
            prop_assert!(before || !judged(&less, token.as_ref(), &action, &target).allowed(), "{less:?}");
        }
    }

    #[test]
    fn adding_never_denies(
        roles in vec(role(), 0..4), added in role(), grant in grant(), action in action(), target in any_target(),
    ) {
        if judged(&roles, None, &action, &target).allowed() {
            let mut more = roles.clone();
            more.push(added);
            prop_assert!(judged(&more, None, &action, &target).allowed());
            let mut grants = roles[0].grants.grants().to_vec();
            grants.push(grant);
            let mut more = roles.clone();
            more[0].grants = grants.try_into().unwrap();
            prop_assert!(judged(&more, None, &action, &target).allowed());
        }
    }

    /// A token is the intersection: of its user's roles and its own scope, each judged alone.
    #[test]
    fn a_token_allows_what_both_allow_and_nothing_else(
        roles in vec(role(), 0..4), scope in scope(), action in action(), target in any_target(),
    ) {
        let alone = judged(&roles, None, &action, &target).allowed();
        let of_scope = [Role { name: "t".parse().unwrap(), about: String::new(), grants: scope.clone() }];
        let by_scope = judged(&of_scope, None, &action, &target).allowed();
        prop_assert_eq!(judged(&roles, Some(&scope), &action, &target).allowed(), alone && by_scope);
    }

    #[test]
    fn the_order_of_roles_grants_and_patterns_means_nothing(
        (roles, shuffled) in vec(role(), 0..4).prop_flat_map(|roles| (Just(roles.clone()), Just(roles).prop_shuffle())),
        token in option::of(scope()), action in action(), target in any_target(),
    ) {
        let turned: Vec<Role> = shuffled.into_iter().map(|mut role| {
            let turned: Vec<Grant> = role.grants.grants().iter().rev().cloned().collect();
            role.grants = turned.try_into().unwrap();
            role
        }).collect();
        let token = token.as_ref();
        prop_assert_eq!(judged(&roles, token, &action, &target), judged(&turned, token, &action, &target));
        let patterns = |role: &Role| -> Vec<Grant> {
            let turn = |grant: &Grant| Grant::new(grant.actions().iter().rev().cloned().collect(), grant.on().clone()).unwrap();
            role.grants.grants().iter().map(turn).collect()
        };
        let turned: Vec<Role> =
            roles.iter().map(|role| Role { grants: patterns(role).try_into().unwrap(), ..role.clone() }).collect();
        prop_assert_eq!(judged(&roles, token, &action, &target).code(), judged(&turned, token, &action, &target).code());
    }

    #[test]
    fn what_is_not_in_the_catalogue_is_denied(roles in vec(role(), 0..4), word in "[a-z]{1,8}", target in any_target()) {
        let unknown: Action = format!("unknown-{word}:{word}").parse().unwrap();
        prop_assert_eq!(judged(&roles, None, &unknown, &target).code(), "unknown-action");
    }

    /// Who is refused everywhere is refused here; and an explanation can be given of anything.
    #[test]
    fn what_is_allowed_here_is_allowed_somewhere(
        roles in vec(role(), 0..4), token in option::of(scope()), action in action(), target in any_target(),
    ) {
        let token = token.as_ref().map(|scope| Token { name: "t", scope });
        let subject = Subject { name: "u", roles: &roles, token };
        let decision = decide(&catalogue(), &subject, &action, &target);
        prop_assert!(!decision.allowed() || somewhere(&catalogue(), &subject, &action));
        let text = explain(&subject, &action, &target, &decision);
        prop_assert_eq!(text.contains("` may not `"), !decision.allowed(), "{}", text);
    }

    /// What a glob means, said in another way: by a regular expression.
    #[test]
    fn a_glob_is_its_regular_expression(glob in "[ab*]{1,8}", name in "[ab]{0,10}") {
        let regex = regex::Regex::new(&format!("^{}$", glob.replace('*', ".*"))).unwrap();
        prop_assert_eq!(glob.parse::<Glob>().unwrap().matches(&name), regex.is_match(&name));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,64}") {
        if let Ok(action) = text.parse::<Action>() { prop_assert_eq!(action.to_string(), text.as_str()); }
        if let Ok(pattern) = text.parse::<Pattern>() { prop_assert_eq!(pattern.to_string(), text.as_str()); }
        if let Ok(glob) = text.parse::<Glob>() { prop_assert_eq!(glob.to_string(), text.as_str()); }
    }
}
