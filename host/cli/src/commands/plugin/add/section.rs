//! The section of a plugin, as a person would write it after having read its manifest.

use std::fmt::Write as _;

use waystation_runtime::Manifest;
use waystation_runtime::manifest::{Capability, Request};
use waystation_server::plan::Setting;

/// What a section is made of.
pub(super) struct Section<'a> {
    /// The plugin's name in the configuration.
    pub(super) key: &'a str,
    /// Where it comes from: keys and values.
    pub(super) place: &'a [(&'static str, String)],
    pub(super) manifest: &'a Manifest,
    /// Those that it does not work without.
    pub(super) settings: &'a [Setting],
}

impl Section<'_> {
    /// What it asks for is granted where it needs it. What only a person can say, and what it works without, are comments.
    pub(super) fn text(&self) -> String {
        let Self { key, manifest, .. } = self;
        let mut text = String::new();
        let _ = writeln!(text, "# {}\n[plugins.{key}]", line(&manifest.summary));
        for (name, value) in self.place {
            let _ = writeln!(text, "{name} = {}", quoted(value));
        }
        if self.place.iter().any(|(name, _)| *name == "name")
            && !self.place.iter().any(|(name, _)| *name == "version")
        {
            let _ = writeln!(text, "version = {}", quoted(&self.range()));
        }
        if self.is_hook() {
            let _ = writeln!(text, "# Where it is asked:\n# hooks = [\"before-issue\"]");
        }
        if !self.settings.is_empty() {
            let _ = writeln!(text, "\n# Settings that it needs:\n# [plugins.{key}.config]");
            for Setting { name, about } in self.settings {
                let _ = writeln!(text, "# {} = …  # {}", line(name), line(about));
            }
        }
        // Those that are switched stand in one table, which the others are below.
        let is_switch = |request: &&Request| ["kv", "tickets", "scopes"].contains(&request.capability.word());
        let (free, needed): (Vec<_>, Vec<_>) =
            manifest.requests.iter().filter(is_switch).partition(|request| request.optional);
        let mut begun = false;
        for request in needed.into_iter().chain(free) {
            let one = self.request(request);
            let again = [format!("# [plugins.{key}.grants]\n"), format!("[plugins.{key}.grants]\n")];
            text.push_str(&if begun {
                again.iter().fold(one, |one, head| one.replace(head, ""))
            } else {
                one
            });
            begun |= !request.optional;
        }
        for word in ["http", "credentials"] {
            for request in manifest.requests.iter().filter(|request| request.capability.word() == word) {
                text.push_str(&self.request(request));
            }
        }
        text
    }

    fn is_hook(&self) -> bool {
        self.manifest.kind.world == "hook"
    }

    /// Whether there is something to fill in before it runs.
    pub(super) fn is_open(&self) -> bool {
        !self.settings.is_empty()
            || self.is_hook()
            || self.manifest.requests.iter().any(|request| {
                !request.optional
                    && match &request.capability {
                        Capability::Http { origins, .. } => origins.is_empty(),
                        Capability::Kv | Capability::Tickets | Capability::Scopes => false,
                        Capability::Credentials { .. } => true,
                    }
            })
    }

    fn request(&self, request: &Request) -> String {
        let key = self.key;
        let (mut text, open) = match &request.capability {
            Capability::Http { origins, methods, headers } => {
                let list = |values: &[String]| {
                    values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ")
                };
                let wanted = match origins.as_slice() {
                    [] => "\"https://…\"".to_owned(),
                    some => list(some),
                };
                let mut text = format!("[[plugins.{key}.grants.http]]\norigins = [{wanted}]\n");
                let _ = writeln!(text, "methods = [{}]", list(methods));
                if !headers.is_empty() {
                    let _ = writeln!(text, "headers = [{}]", list(headers));
                }
                (text, origins.is_empty())
            }
            switch @ (Capability::Kv | Capability::Tickets | Capability::Scopes) => {
                (format!("[plugins.{key}.grants]\n{} = true\n", switch.word()), false)
            }
            Capability::Credentials { names } => {
                let one = |name: &String| {
                    let variable = line(name).replace('-', "_").to_ascii_uppercase();
                    format!(
                        "[plugins.{key}.credentials.{}]\nfrom = {{ env = \"{variable}\" }}\norigin = \"https://…\"\n",
                        line(name)
                    )
                };
                (names.iter().map(one).collect(), true)
            }
        };
        if open || request.optional {
            text = text.lines().map(|line| format!("# {line}\n")).collect();
        }
        let optional = if request.optional { "Optional: " } else { "" };
        format!("\n# {optional}{}\n{text}", line(&request.why))
    }

    /// The versions that promise to work like this one.
    fn range(&self) -> String {
        let version = &self.manifest.version;
        match (version.pre.is_empty(), version.major) {
            (true, 0) => format!("^0.{}", version.minor),
            (true, major) => format!("^{major}"),
            (false, _) => format!("^{version}"),
        }
    }
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// What the plugin says, as part of a comment: it cannot end it.
fn line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    crate::output::short(&line, 200)
}
