//! The list of actions in the operator's page is made from the catalogue.

use std::fmt::Write as _;
use std::path::Path;

use super::super::*;

const START: &str = "<!-- Made from host/core/src/access. After a change there: WAYSTATION_UPDATE_DOCS=1 cargo nextest run \
                     -p waystation-core the_page_lists -->\n";
const END: &str = "<!-- Until here. -->\n";

fn list() -> String {
    let mut list = String::from("\n| role | what it is for |\n|---|---|\n");
    for role in built_in_roles() {
        writeln!(list, "| `{}` | {} |", role.name, role.about).unwrap();
    }
    list += "\n| action | allows to | owner | admin | operator | viewer | selectors |\n|---|---|---|---|---|---|---|\n";
    for resource in BUILT_IN {
        let told_by: Vec<String> =
            resource.told_by.iter().map(|attribute| format!("`{attribute}`")).collect();
        for (text, verb) in resource.actions().zip(resource.verbs) {
            let action = text.parse().unwrap();
            let mark = |role: &Role| {
                let subject = Subject { name: "", roles: std::slice::from_ref(role), token: None };
                let allowed = decide(&Catalogue::default(), &subject, &action, &Target::default()).allowed();
                if allowed { "yes" } else { "" }
            };
            let marks: Vec<&str> = built_in_roles().iter().map(mark).collect();
            writeln!(list, "| `{text}` | {} | {} | {} |", verb.about, marks.join(" | "), told_by.join(", "))
                .unwrap();
        }
    }
    list + "\n"
}

#[test]
fn the_page_lists_every_action() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/operate/permissions.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(START).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let made = format!("{before}{START}{}{END}{after}", list());
    if std::env::var_os("WAYSTATION_UPDATE_DOCS").is_some() {
        std::fs::write(&page, &made).unwrap();
        return;
    }
    assert!(text == made, "run the tests with WAYSTATION_UPDATE_DOCS=1 to write {}", page.display());
}

/// Sentences are sentences, and names are there once.
#[test]
fn every_action_has_a_name_and_a_sentence() {
    let mut seen = std::collections::BTreeSet::new();
    for resource in BUILT_IN {
        for (text, verb) in resource.actions().zip(resource.verbs) {
            assert!(Catalogue::default().has(&text.parse().unwrap()), "{text}");
            assert!(
                verb.about.ends_with('.') && verb.about.starts_with(char::is_uppercase),
                "{text}: {}",
                verb.about
            );
            assert!(seen.insert(text.clone()), "{text} is there twice");
        }
    }
}

/// What the page gives as an example is a role.
#[test]
fn the_examples_of_the_page_are_roles() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/operate/permissions.md");
    let text = std::fs::read_to_string(page).unwrap();
    let examples: Vec<&str> =
        text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        toml::from_str::<Role>(example).unwrap_or_else(|error| panic!("{error}\n{example}"));
    }
}
