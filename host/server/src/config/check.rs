//! Rules that hold between settings. Each value alone was checked before.

use std::collections::BTreeSet;

use waystation_core::name::RoleName;
use waystation_core::policy::Policy;

use super::{
    Config,
    limits::PluginLimits,
    nearest::nearest,
    peers::CertificateHeader,
    plugin::{CredentialUse, GrantMode, Plugin},
    problem::{Code, Problem},
    render::mask,
    report::{Mark, Report},
    text::{ByteSize, TimeSpan},
    tree::{Node, Path},
};

/// Checks `config`, which was read from `tree`.
pub(super) fn check(config: &Config, tree: &Node, report: &mut Report) {
    let mut check = Check { config, tree, report };
    check.database();
    check.peers();
    check.backoffs();
    check.providers();
    check.enrolment();
    check.limits();
    for (name, plugin) in &config.plugins {
        let path = Path::of(&["plugins", name.as_str()]);
        check.source(&path, plugin);
        check.grants(&path, plugin);
        check.credentials(&path, plugin);
    }
    check.supply();
    check.references();
}

struct Check<'a> {
    config: &'a Config,
    tree: &'a Node,
    report: &'a mut Report,
}

impl Check<'_> {
    /// Adds a problem at `path`, unless it, or what it is judged by, was dropped before.
    fn problem(&mut self, path: &Path, judged_by: &[Path], problem: Problem) {
        if judged_by.iter().chain([path]).any(|path| self.report.is_poisoned(path)) {
            return;
        }
        let (node, exact) = self.tree.nearest(path);
        let mark = if exact && node.table().is_none() { Mark::Value } else { Mark::Key };
        self.report.add(problem, path, &node.place, mark);
    }

    fn database(&mut self) {
        let path = Path::of(&["database", "url_file"]);
        let database = &self.config.database;
        if database.url.is_some() && database.url_file.is_some() {
            let problem = Problem::new(Code::Conflict, "`database.url` and `database.url_file` are both set");
            self.problem(&path, &[], problem.hint("keep one of them"));
        }
    }

    fn peers(&mut self) {
        let (tls, proxy) = (&self.config.server.tls, &self.config.server.proxy);
        let [certificate, key] = ["certificate", "key"].map(|key| Path::of(&["server", "tls", key]));
        let (lonely, other) = match (&tls.certificate, &tls.key) {
            (Some(_), None) => (Some(certificate), key),
            (None, Some(_)) => (Some(key), certificate),
            _ => (None, key),
        };
        if let Some(lonely) = lonely {
            let problem = Problem::new(Code::MissingKey, format!("`{lonely}` is set and `{other}` is not"));
            let hint = format!("add `{other}`, or remove both for a certificate of the host's own authority");
            self.problem(&lonely, &[other], problem.hint(hint));
        }
        let [trusted, header, legacy] = ["trusted", "certificate_header", "legacy_authorities"]
            .map(|key| Path::of(&["server", "proxy", key]));
        if proxy.certificate_header.is_some() && proxy.trusted.is_empty() {
            let problem =
                Problem::new(Code::MissingKey, format!("`{header}` is set and `{trusted}` is empty"));
            self.problem(&header, &[trusted], problem.hint("name the proxies that may send it"));
        }
        if proxy.forwarded_for && proxy.trusted.is_empty() {
            let forwarded = Path::of(&["server", "proxy", "forwarded_for"]);
            let trusted = Path::of(&["server", "proxy", "trusted"]);
            let problem =
                Problem::new(Code::MissingKey, format!("`{forwarded}` is set and `{trusted}` is empty"));
            self.problem(&forwarded, &[trusted], problem.hint("name the proxies that may send it"));
        }
        let whole = proxy.certificate_header.is_some_and(CertificateHeader::is_whole);
        if !proxy.legacy_authorities.is_empty() && !whole {
            let problem =
                Problem::new(Code::Conflict, format!("`{legacy}` has no meaning without whole certificates"));
            let hint = format!("set `{header}` to a header that holds them, or remove it");
            self.problem(&legacy, &[header], problem.hint(hint));
        }
    }

    fn providers(&mut self) {
        let public = Path::of(&["server", "public_url"]);
        for (name, provider) in &self.config.identity.oidc {
            let path = Path::of(&["identity", "oidc", name.as_str()]);
            if self.config.server.public_url.is_none() {
                let message = format!("`{path}` sends people back to `{public}`, which is not set");
                let problem = Problem::new(Code::MissingKey, message);
                self.problem(
                    &path,
                    std::slice::from_ref(&public),
                    problem.hint("add it: the URL under which their browsers reach this host"),
                );
            }
            let Some(join) = &provider.join else { continue };
            for (at, role) in join.roles.iter().enumerate() {
                if let Err(error) = role.parse::<RoleName>() {
                    let problem = Problem::new(Code::InvalidValue, format!("`{path}.join.roles`: {error}"));
                    self.problem(&path.key("join").key("roles").index(at), &[], problem);
                }
            }
        }
    }

    fn backoffs(&mut self) {
        let (quarantine, delivery) = (&self.config.quarantine, &self.config.delivery);
        for (section, first, last) in [
            ("quarantine", quarantine.backoff, quarantine.max_backoff),
            ("delivery", delivery.backoff, delivery.max_backoff),
        ] {
            let paths = [Path::of(&[section, "backoff"]), Path::of(&[section, "max_backoff"])];
            self.ordered(&paths, &first, &last, Code::OutOfRange);
        }
    }

    fn enrolment(&mut self) {
        let enrolment = &self.config.enrolment;
        let paths = [Path::of(&["enrolment", "life"]), Path::of(&["enrolment", "max_life"])];
        self.ordered(&paths, &enrolment.life, &enrolment.max_life, Code::OutOfRange);
    }

    /// Reports a value above another one that bounds it, at the one that was written.
    fn ordered<T: PartialOrd + std::fmt::Display>(
        &mut self,
        paths: &[Path; 2],
        low: &T,
        high: &T,
        code: Code,
    ) {
        let [at_low, at_high] = paths;
        if low <= high {
            return;
        }
        let problem = Problem::new(code, format!("`{at_low}` ({low}) is above `{at_high}` ({high})"));
        let problem = problem.hint(format!("lower `{at_low}` or raise `{at_high}`"));
        let (blamed, other) = if self.tree.nearest(at_low).1 { (at_low, at_high) } else { (at_high, at_low) };
        self.problem(blamed, std::slice::from_ref(other), problem);
    }

    fn limits(&mut self) {
        let shared = &self.config.plugin_limits;
        self.limits_of(&Path::of(&["plugin_limits"]), shared, |_| true);
        for (name, plugin) in &self.config.plugins {
            let set = &plugin.limits;
            let written = |key: &str| match key {
                "memory" => set.memory.is_some(),
                "cpu" => set.cpu.is_some(),
                "wall" => set.wall.is_some(),
                "kv_value" => set.kv_value.is_some() || set.kv_total.is_some(),
                _ => set.http_connect.is_some() || set.http_total.is_some(),
            };
            self.limits_of(&Path::of(&["plugins", name.as_str(), "limits"]), &set.over(shared), written);
        }
    }

    /// Checks the limits at `path`. `written` says which of them were set there, so that a fault of those for
    /// all plugins is not told again for each.
    fn limits_of(&mut self, path: &Path, limits: &PluginLimits, written: impl Fn(&str) -> bool) {
        let max = |key: &str| Path::of(&["plugin_limits", key]);
        let sizes = [
            ("memory", limits.memory, max("max_memory"), limits.max_memory, Code::OverCeiling),
            ("kv_value", limits.kv_value, path.key("kv_total"), limits.kv_total, Code::OutOfRange),
        ];
        let spans = [
            ("cpu", limits.cpu, max("max_cpu"), limits.max_cpu, Code::OverCeiling),
            ("wall", limits.wall, max("max_wall"), limits.max_wall, Code::OverCeiling),
            (
                "http_connect",
                limits.http_connect,
                path.key("http_total"),
                limits.http_total,
                Code::OutOfRange,
            ),
        ];
        for (key, low, high_path, high, code) in sizes {
            if written(key) {
                self.ordered::<ByteSize>(&[path.key(key), high_path], &low, &high, code);
            }
        }
        for (key, low, high_path, high, code) in spans {
            if written(key) {
                self.ordered::<TimeSpan>(&[path.key(key), high_path], &low, &high, code);
            }
        }
    }

    /// One place that the plugin comes from, and what belongs to it.
    fn source(&mut self, path: &Path, plugin: &Plugin) {
        let named =
            [("file", plugin.file.is_some()), ("oci", plugin.oci.is_some()), ("name", plugin.name.is_some())];
        let mut named = named.iter().filter(|(_, named)| *named).map(|(key, _)| *key);
        let [file, oci, id] = ["file", "oci", "name"].map(|key| path.key(key));
        let all = [file.clone(), oci, id];
        match (named.next(), named.next()) {
            (None, _) => {
                let problem =
                    Problem::new(Code::MissingKey, format!("`{path}` needs the key `file`, `oci` or `name`"));
                self.problem(
                    &file,
                    &all,
                    problem.hint("add where it comes from: `file = \"NAME-VERSION.plugin.tar\"`"),
                );
            }
            (Some(first), Some(second)) => {
                let message = format!("`{path}` has both `{first}` and `{second}`");
                let problem =
                    Problem::new(Code::Conflict, message).hint("keep one: where the plugin comes from");
                self.problem(&path.key(second), &all, problem);
            }
            (Some(_), None) => {}
        }
        for (key, written) in [("version", plugin.version.is_some()), ("index", plugin.index.is_some())] {
            if written && plugin.name.is_none() {
                let message = format!("`{path}.{key}` has no meaning without `name`");
                let problem = Problem::new(Code::Conflict, message).hint(format!("remove `{key}`"));
                self.problem(&path.key(key), &all, problem);
            }
        }
        match (&plugin.name, &plugin.index) {
            (Some(_), Some(index)) if !self.config.indexes.contains_key(index.as_str()) => {
                let message = format!("`{path}.index` names the index `{index}`, which is not there");
                let problem = Problem::new(Code::UnknownReference, message);
                let hint = match nearest(index.as_str(), self.config.indexes.keys()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("add [indexes.{index}]"),
                };
                self.problem(&path.key("index"), &[Path::of(&["indexes"])], problem.hint(hint));
            }
            (Some(_), None) if self.config.indexes.len() != 1 => {
                let (message, hint) = match self.config.indexes.is_empty() {
                    true => ("and there is no index", "add [indexes.NAME] with its `url` and `root`"),
                    false => ("and there are several indexes", "say which with `index`"),
                };
                let problem =
                    Problem::new(Code::UnknownReference, format!("`{path}.name` is in an index, {message}"));
                self.problem(&path.key("name"), &[Path::of(&["indexes"])], problem.hint(hint));
            }
            _ => {}
        }
    }

    fn supply(&mut self) {
        for (name, index) in &self.config.indexes {
            let path = Path::of(&["indexes", name.as_str()]);
            let judged_by = [path.key("url"), path.key("path")];
            let (code, message, at, hint) = match (&index.url, &index.path) {
                (None, None) => (
                    Code::MissingKey,
                    format!("`{path}` needs the key `url` or `path`"),
                    path.clone(),
                    "add `url = \"https://…\"`",
                ),
                (Some(_), Some(_)) => {
                    let message = format!("`{path}` has both `url` and `path`");
                    (Code::Conflict, message, path.key("path"), "keep one")
                }
                _ => continue,
            };
            self.problem(&at, &judged_by, Problem::new(code, message).hint(hint));
        }
        for (host, registry) in &self.config.registries {
            let path = Path::of(&["registries", host.as_str()]);
            if registry.user.is_some() && registry.password.is_none() {
                let problem =
                    Problem::new(Code::MissingKey, format!("`{path}` has a `user` and no `password`"));
                let hint = "add `password = { file = \"…\" }`";
                self.problem(&path.key("user"), &[path.key("password")], problem.hint(hint));
            }
        }
    }

    fn grants(&mut self, path: &Path, plugin: &Plugin) {
        for (index, grant) in plugin.grants.http.iter().enumerate() {
            let path = path.key("grants").key("http").index(index);
            if grant.origin.is_some() && grant.origins.is_some() {
                let problem =
                    Problem::new(Code::Conflict, format!("`{path}` has both `origin` and `origins`"));
                self.problem(&path.key("origin"), &[], problem.hint("put all of them into `origins`"));
            }
            if grant.all_origins().next().is_none() && grant.mode == GrantMode::Enforce {
                let problem = Problem::new(Code::MissingKey, format!("`{path}` allows nothing"));
                self.problem(&path, &[], problem.hint("add `origin = \"https://…\"`"));
            }
            let mut methods = BTreeSet::new();
            for (at, method) in
                grant.methods.iter().enumerate().filter(|(_, method)| !methods.insert(*method))
            {
                let problem = Problem::new(Code::Conflict, format!("`{path}.methods` lists {method} twice"));
                self.problem(&path.key("methods").index(at), &[], problem.hint("remove one"));
            }
            if !grant.addresses.is_empty() && !self.config.egress.allow_private_addresses {
                let problem =
                    Problem::new(Code::Conflict, format!("`{path}.addresses` opens nothing on this host"));
                let problem =
                    problem.hint("set `egress.allow_private_addresses = true` as well, or remove it");
                let flag = Path::of(&["egress", "allow_private_addresses"]);
                self.problem(&path.key("addresses"), &[flag], problem);
            }
        }
    }

    fn credentials(&mut self, path: &Path, plugin: &Plugin) {
        for (name, credential) in &plugin.credentials {
            let at = path.key("credentials").key(name.as_str());
            if credential.usage == CredentialUse::Hmac {
                let written = [
                    ("origin", credential.origin.is_some()),
                    ("header", credential.header.is_some()),
                    ("prefix", credential.prefix.is_some()),
                ];
                for (key, _) in written.into_iter().filter(|(_, written)| *written) {
                    let message = format!(
                        "`{at}.{key}` has no meaning with `use = \"hmac\"`: the secret is never sent"
                    );
                    let problem = Problem::new(Code::Conflict, message).hint(format!("remove `{key}`"));
                    self.problem(&at.key(key), &[at.key("use")], problem);
                }
                continue;
            }
            let Some(origin) = &credential.origin else {
                let problem = Problem::new(Code::MissingKey, format!("`{at}` needs the key `origin`"));
                let problem =
                    problem.hint("add `origin = \"https://…\"`: the only origin the secret is sent to");
                self.problem(&at, &[at.key("origin")], problem);
                continue;
            };
            let covered = plugin.grants.http.iter().any(|grant| {
                let open = grant.mode == GrantMode::Audit && grant.all_origins().next().is_none();
                open || grant.all_origins().any(|granted| granted.covers(origin))
            });
            if !covered {
                let message = format!("`{at}` is for {origin}, which no grant of the plugin allows");
                let problem = Problem::new(Code::UnknownReference, message);
                let problem =
                    problem.hint(format!("add [[{path}.grants.http]] with `origin = \"{origin}\"`"));
                self.problem(&at.key("origin"), &[path.key("grants")], problem);
            }
        }
    }

    fn references(&mut self) {
        let config = self.config;
        for (name, channel) in &config.channels {
            self.plugin_exists(&Path::of(&["channels", name.as_str(), "plugin"]), channel.plugin.as_str());
        }
        for (name, item) in &config.items {
            let path = Path::of(&["items", name.as_str()]);
            self.plugin_exists(&path.key("source"), item.source.as_str());
            if let Err(error) = serde_json::from_value::<Policy>(item.policy.clone().into()) {
                let path = path.key("policy");
                let problem = Problem::new(
                    Code::InvalidValue,
                    format!("`{path}` is not a policy: {}", mask(&error.to_string())),
                );
                self.problem(&path, &[], problem);
            }
        }
    }

    fn plugin_exists(&mut self, path: &Path, plugin: &str) {
        if self.config.plugins.contains_key(plugin) {
            return;
        }
        let problem = Problem::new(
            Code::UnknownReference,
            format!("`{path}` names the plugin `{plugin}`, which is not there"),
        );
        let hint = match nearest(plugin, self.config.plugins.keys()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add [plugins.{plugin}] with its `file`"),
        };
        self.problem(path, &[Path::of(&["plugins", plugin])], problem.hint(hint));
    }
}
