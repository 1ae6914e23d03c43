//! `waystation plugin sync` and `waystation plugin update`: which versions are decided on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use waystation_bundle::{ContentDigest, Package};
use waystation_runtime::Bundle;
use waystation_server::config::{Config, Plugin};
use waystation_server::trust::{Admission, Change, Lock, Locked, Standing};

use super::supply::{Found, Supply, still_wanted};
use crate::args::{Global, PluginSync, PluginUpdate};
use crate::exit::{Exit, Failure, Outcome};
use crate::{config, output};

/// How far a sync goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Keeps what is decided on, decides on what is not.
    Keep,
    /// Looks for newer versions of everything.
    Newest,
    /// Takes what the lock says, and decides on nothing.
    Locked,
}

/// What became of one plugin.
#[derive(Debug, Serialize)]
struct Decision {
    plugin: String,
    outcome: Kind,
    #[serde(flatten)]
    is: Option<Locked>,
    /// Against the lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Change>,
    /// Why it needs approval, or was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// Its folder is one of those in which plugins are made.
    Dev,
    Unchanged,
    Added,
    Updated,
    /// It stays as it was until somebody agrees.
    NeedsApproval,
    /// It stays as it was.
    Refused,
    /// It is in the lock and not in the configuration any more.
    Removed,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Unchanged => "unchanged",
            Self::Added => "added",
            Self::Updated => "updated",
            Self::NeedsApproval => "needs approval",
            Self::Refused => "was refused",
            Self::Removed => "removed",
        }
    }

    const fn changes(self) -> bool {
        matches!(self, Self::Added | Self::Updated | Self::Removed)
    }
}

pub(super) async fn sync(global: &Global, args: &PluginSync) -> Outcome {
    let mode = if args.locked { Mode::Locked } else { Mode::Keep };
    command(global, mode, &args.plugins, &args.approve, args.check).await
}

pub(super) async fn update(global: &Global, args: &PluginUpdate) -> Outcome {
    command(global, Mode::Newest, &args.plugins, &args.approve, args.check).await
}

/// Takes the newest of everything that needs nobody's approval, and writes the lock. Gives what a person should know.
pub(crate) async fn newest(config: &Config) -> Result<Vec<String>, Failure> {
    let mut done = decide(config, Mode::Newest, &[], BTreeMap::new()).await?;
    done.write(config)?;
    let stuck = done.decisions.iter().filter_map(|decision| {
        let message = decision.message.as_deref()?;
        Some(format!("{}: {}: {message}", decision.plugin, decision.outcome.word()))
    });
    Ok(stuck.collect())
}

async fn command(global: &Global, mode: Mode, named: &[String], approve: &[String], check: bool) -> Outcome {
    let config = config::load(global)?;
    if let Some(unknown) = named.iter().find(|name| !config.plugins.contains_key(name.as_str())) {
        return Err(Failure::new(Exit::NotFound, format!("no plugin `{unknown}` is configured")));
    }
    let approved = approve.iter().map(|text| approval(text)).collect::<Result<BTreeMap<_, _>, _>>()?;
    let mut done = decide(&config, mode, named, approved).await?;
    if !check && mode != Mode::Locked {
        done.write(&config)?;
    }
    tell(global, &done)?;
    conclude(&done.decisions, done.changed() && !done.written)
}

/// Decides on one plugin, with these approvals. Nothing is written yet.
pub(super) async fn one(
    config: &Config,
    name: &str,
    approved: BTreeMap<String, ContentDigest>,
) -> Result<Done, Failure> {
    decide(config, Mode::Newest, &[name.to_owned()], approved).await
}

/// A plugin that nobody decided on yet, fetched and judged.
pub(super) struct Seen {
    pub(super) bundle: Bundle,
    /// Who vouches for it; nobody in a dev folder.
    pub(super) signers: Vec<String>,
    /// How it came to be admitted, in a sentence.
    pub(super) message: String,
    pub(super) dev: bool,
}

/// Fetches what is not in the configuration, and judges it as if it were.
pub(super) async fn look(config: &Config, name: &str, plugin: &Plugin) -> Result<Seen, Failure> {
    let mut session = Session::new(config, Mode::Newest, BTreeMap::new())?;
    let dev = session.admission.is_dev(plugin).map_err(failed)?;
    let (bundle, standing) = match dev {
        true => {
            let admitted = session.admission.admit(name, plugin, Timestamp::now()).map_err(failed)?;
            (admitted.bundle, admitted.standing)
        }
        false => {
            let (bundle, standing, _) = session.judged(name, plugin, None).await?;
            (bundle, standing)
        }
    };
    Ok(Seen { bundle, signers: standing.signers(), message: standing.message, dev })
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(e: waystation_runtime::LoadError) -> Failure {
    Failure::new(Exit::Failed, e.to_string()).code(e.code())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unusable(e: waystation_server::trust::LockError) -> Failure {
    Failure::new(Exit::Failed, e.to_string()).code(e.code())
}

/// What a sync came to.
pub(super) struct Done {
    decisions: Vec<Decision>,
    before: Lock,
    after: Lock,
    written: bool,
}

impl Done {
    /// Whether the lock should not be what it is.
    fn changed(&self) -> bool {
        self.after != self.before
    }

    /// The digest that was decided on.
    pub(super) fn digest(&self, name: &str) -> Option<ContentDigest> {
        self.after.plugins.get(name).map(|locked| locked.digest)
    }

    /// Fails where something was refused.
    pub(super) fn stuck(&self) -> Outcome {
        match self.decisions.iter().find(|decision| decision.outcome == Kind::Refused) {
            Some(Decision { message: Some(message), code, .. }) => {
                Err(Failure::new(Exit::Failed, message.clone()).code(code.clone().unwrap_or_default()))
            }
            _ => conclude(&self.decisions, false),
        }
    }

    /// Writes the lock, where it changed, and forgets what nobody needs any more.
    pub(super) fn write(&mut self, config: &Config) -> Outcome {
        if self.changed() {
            self.after.write(&config.trust.lock).map_err(unusable)?;
            self.written = true;
            collect(&Supply::new(config)?, &[&self.before, &self.after]);
        }
        Ok(())
    }
}

async fn decide(
    config: &Config,
    mode: Mode,
    named: &[String],
    approved: BTreeMap<String, ContentDigest>,
) -> Result<Done, Failure> {
    let before = Lock::read(&config.trust.lock).map_err(unusable)?;
    let mut session = Session::new(config, mode, approved)?;
    let mut after = before.clone();
    let mut decisions = Vec::new();
    for (name, plugin) in &config.plugins {
        let name = name.as_str();
        if !named.is_empty() && !named.iter().any(|wanted| wanted == name) {
            continue;
        }
        let decision = session.one(name, plugin, before.plugins.get(name)).await;
        if let (true, Some(locked)) = (decision.outcome.changes(), &decision.is) {
            after.plugins.insert(name.to_owned(), locked.clone());
        }
        decisions.push(decision);
    }
    if named.is_empty() {
        decisions.extend(leave(config, &mut after));
    }
    Ok(Done { decisions, before, after, written: false })
}

/// What a sync works with.
struct Session<'a> {
    supply: Supply<'a>,
    admission: Admission,
    mode: Mode,
    approved: BTreeMap<String, ContentDigest>,
}

impl<'a> Session<'a> {
    fn new(
        config: &'a Config,
        mode: Mode,
        approved: BTreeMap<String, ContentDigest>,
    ) -> Result<Self, Failure> {
        let admission = Admission::new(config, 0);
        admission.refresh(Timestamp::now());
        Ok(Self { supply: Supply::new(config)?, admission, mode, approved })
    }

    async fn one(&mut self, name: &str, plugin: &Plugin, before: Option<&Locked>) -> Decision {
        let plugin_name = name.to_owned();
        let decision = |outcome, is, change, failure: Option<(String, String)>| {
            let (code, message) = failure.unzip();
            Decision { plugin: plugin_name, outcome, is, change, code, message }
        };
        match self.admission.is_dev(plugin) {
            Ok(false) => {}
            Ok(true) => return decision(Kind::Dev, None, None, None),
            Err(e) => {
                return decision(Kind::Refused, None, None, Some((e.code().to_owned(), e.to_string())));
            }
        }
        let now = match self.judged(name, plugin, before).await {
            Ok((_, _, now)) => now,
            Err(e) => {
                let message = match &e.hint {
                    Some(hint) => format!("{}; {hint}", e.message),
                    None => e.message,
                };
                return decision(Kind::Refused, None, None, Some((e.code, message)));
            }
        };
        let Some(before) = before else {
            return decision(Kind::Added, Some(now), None, None);
        };
        let change = before.change(&now);
        let agreed = self.approved.get(name) == Some(&now.digest);
        match change.needs_approval().filter(|_| !agreed) {
            Some(code) => {
                let message = format!(
                    "it stays at {}; to agree: `waystation plugin sync {name} --approve {name}@{}`",
                    before.version, now.digest
                );
                decision(Kind::NeedsApproval, Some(now), Some(change), Some((code.to_owned(), message)))
            }
            None if before == &now => decision(Kind::Unchanged, Some(now), None, None),
            None => decision(Kind::Updated, Some(now), Some(change), None),
        }
    }

    /// Fetches a plugin and holds it against the trust policy, this host, and what was decided on.
    async fn judged(
        &mut self,
        name: &str,
        plugin: &Plugin,
        before: Option<&Locked>,
    ) -> Result<(Bundle, Standing, Locked), Failure> {
        let Found { package, source } = self.found(name, plugin, before).await?;
        let standing = self.admission.vouched(&package, Timestamp::now()).map_err(failed)?;
        let bundle = Bundle::from_package(&package).map_err(failed)?;
        let pinned = plugin.digest.as_ref().and_then(|digest| ContentDigest::parse(digest.as_str()));
        if let Some(pinned) = pinned.filter(|pinned| *pinned != package.digest()) {
            let message = format!("the configuration pins {pinned}, and this is {}", package.digest());
            return Err(Failure::new(Exit::Failed, message).code("digest-mismatch"));
        }
        self.supply.store().add(&package).map_err(super::registry::refused)?;
        let locked = Locked::of(&bundle, source, &standing.signatures, plugin);
        Ok((bundle, standing, locked))
    }

    async fn found(
        &mut self,
        name: &str,
        plugin: &Plugin,
        before: Option<&Locked>,
    ) -> Result<Found, Failure> {
        let keep = |package: Package, locked: &Locked| Found { package, source: locked.source.clone() };
        match (self.mode, before) {
            (Mode::Locked, None) => {
                let message = format!("the lock has no version of `{name}`");
                let hint = "run `waystation plugin sync` where people decide, and bring its lock along";
                Err(Failure::new(Exit::Failed, message).code("not-locked").hint(hint))
            }
            (Mode::Locked, Some(locked)) if !still_wanted(plugin, locked) => {
                let message = format!(
                    "the lock has {} {}, which is not what the configuration asks for",
                    locked.name, locked.version
                );
                let hint = "run `waystation plugin sync` where people decide, and bring its lock along";
                Err(Failure::new(Exit::Failed, message).code("lock-mismatch").hint(hint))
            }
            (Mode::Locked, Some(locked)) => Ok(keep(self.supply.locked(name, plugin, locked).await?, locked)),
            // A file is what it is: there is nothing to keep to but what lies there.
            (Mode::Keep, Some(locked)) if plugin.file.is_none() && still_wanted(plugin, locked) => {
                Ok(keep(self.supply.locked(name, plugin, locked).await?, locked))
            }
            _ => {
                let found = self.supply.newest(name, plugin).await?;
                moved(plugin, before, &found)?;
                Ok(found)
            }
        }
    }
}

/// A tag that means another content of the same version than when it was decided on: whoever may write there replaced
/// what was released.
fn moved(plugin: &Plugin, before: Option<&Locked>, found: &Found) -> Result<(), Failure> {
    let Some(before) = before.filter(|before| plugin.oci.is_some() && before.source == found.source) else {
        return Ok(());
    };
    let (head, digest) = (found.package.head(), found.package.digest());
    if before.digest == digest || before.version != head.version {
        return Ok(());
    }
    let message = format!(
        "{} meant {} when it was decided on and means {digest} now, with the same version {}",
        found.source, before.digest, head.version
    );
    let hint = "ask whoever publishes it; a release is never replaced. To take it, name it by its digest";
    Err(Failure::new(Exit::Failed, message).code("tag-moved").hint(hint))
}

/// `NAME@DIGEST`.
fn approval(text: &str) -> Result<(String, ContentDigest), Failure> {
    let parsed = text
        .split_once('@')
        .and_then(|(name, digest)| Some((name.to_owned(), ContentDigest::parse(digest)?)));
    parsed.ok_or_else(|| {
        Failure::new(Exit::Usage, format!("`{text}` is not NAME@sha256:…"))
            .hint("give the name in waystation.toml and the whole digest, as `plugin sync` prints them")
    })
}

/// Takes out of the lock what is not configured any more.
fn leave(config: &Config, lock: &mut Lock) -> Vec<Decision> {
    let gone: Vec<String> =
        lock.plugins.keys().filter(|name| !config.plugins.contains_key(name.as_str())).cloned().collect();
    gone.into_iter()
        .map(|plugin| {
            let is = lock.plugins.remove(&plugin);
            Decision { plugin, outcome: Kind::Removed, is, change: None, code: None, message: None }
        })
        .collect()
}

/// Forgets what neither this lock nor the one before needs. What cannot be removed is removed another time.
fn collect(supply: &Supply<'_>, locks: &[&Lock]) {
    let keep: BTreeSet<_> =
        locks.iter().flat_map(|lock| lock.plugins.values().map(|locked| locked.digest)).collect();
    let store = supply.store();
    let removed = store.packages().and_then(|packages| {
        packages
            .iter()
            .filter(|digest| !keep.contains(digest))
            .try_for_each(|digest| store.remove(*digest).map(drop))?;
        store.collect()
    });
    if let Err(e) = removed {
        output::note(format!("plugins that are not needed any more stay on the disk: {e}"));
    }
}

fn tell(global: &Global, done: &Done) -> Outcome {
    let Done { decisions, written, .. } = done;
    if global.json {
        return Ok(output::json(&serde_json::json!({ "plugins": decisions, "written": written }))?);
    }
    for decision in decisions {
        let what = match (&decision.is, &decision.change) {
            (Some(is), Some(Change { version: Some((from, to)), .. })) => {
                format!("{} {from} -> {to}", is.name)
            }
            (Some(is), _) => format!("{} {}", is.name, is.version),
            (None, _) => String::new(),
        };
        output::line(format!("{:<20} {:<14} {what}", decision.plugin, decision.outcome.word()));
        if let (Some(is), Kind::Added) = (&decision.is, decision.outcome) {
            is.signers.iter().for_each(|signer| output::line(format!("    signed by {signer}")));
            is.requests.iter().for_each(|request| output::line(format!("    asks for {request}")));
        }
        if let Some(change) = &decision.change {
            describe(change);
        }
        if let Some(message) = &decision.message {
            let code = decision.code.as_deref().unwrap_or_default();
            output::line(format!("    {code}: {message}"));
        }
    }
    if *written {
        output::note(
            "wrote the lock; `waystation plugin enable NAME` takes a plugin into service on a running host",
        );
    }
    Ok(())
}

fn describe(change: &Change) {
    let lines = |sign: char, what: &str, list: &[String]| {
        list.iter().for_each(|one| output::line(format!("    {sign} {what} {one}")));
    };
    if let Some((was, is)) = &change.other_plugin {
        output::line(format!("    - {was}"));
        output::line(format!("    + {is}"));
    }
    lines('-', "signed by", &change.signers_gone);
    lines('+', "signed by", &change.signers_new);
    lines('-', "asks for", &change.requests_gone);
    lines('+', "asks for", &change.requests_new);
    if change.older {
        output::line("    an older version");
    }
    if change.grants {
        output::line("    waystation.toml gives it something else than before");
    }
}

/// Fails where something was not done, or should not have to be.
fn conclude(decisions: &[Decision], outdated: bool) -> Outcome {
    let stuck = |kind| decisions.iter().find(move |decision| decision.outcome == kind);
    if let Some(decision) = stuck(Kind::Refused).or_else(|| stuck(Kind::NeedsApproval)) {
        let message = format!("`{}` {}; why is said above", decision.plugin, decision.outcome.word());
        return Err(Failure::new(Exit::Failed, message).code(decision.code.clone().unwrap_or_default()));
    }
    match outdated {
        true => Err(Failure::new(Exit::Failed, "the lock is not what the configuration comes to")
            .code("lock-outdated")
            .hint("run `waystation plugin sync`, and look at what it says")),
        false => Ok(()),
    }
}
