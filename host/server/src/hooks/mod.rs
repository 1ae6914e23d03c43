//! Hooks: plugins that are asked before something happens. Which are asked where, and in which order, is decided by the
//! configuration alone: a plugin that does not load, or that somebody turned off, is still one that had to be asked.

mod changes;
mod registry;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use waystation_runtime::{CallError, Plugin};
use waystation_store::tickets::HookDeed;
use waystation_worlds::Hook;
use waystation_worlds::hook::{self, Admission, ScopeChange, Verdict};

use crate::config::{Config, HookPoint, OnFailure};
use crate::plugins::Plugins;

pub(crate) use changes::tell;
pub(crate) use registry::DatabaseRegistry;

/// Which plugins are asked where, in order.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    entries: Vec<Entry>,
    /// Changes of sessions that nobody was told of.
    dropped: Arc<AtomicU64>,
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    points: Vec<HookPoint>,
    on_failure: OnFailure,
}

/// A question, with what is asked about.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// Whether a ticket may be issued.
    Issue(Admission),
    /// Whether a redeemed ticket may open a session.
    Validate(Admission),
    /// Whether a session that is open may go on.
    Stay(Admission),
    /// Whether a scope may change.
    Scope(ScopeChange),
}

/// Why something may not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denial {
    /// Who says so, as the operator calls it.
    pub(crate) hook: String,
    /// For the one who asked.
    pub(crate) reason: String,
    /// It said nothing: it failed, and had to be asked.
    pub(crate) failed: bool,
}

/// What hooks said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// For the record.
    pub(crate) deeds: Vec<HookDeed>,
    /// The first denial, which decides.
    pub(crate) denial: Option<Denial>,
}

impl Hooks {
    /// As configured: by `order`, then by name.
    pub(crate) fn new(config: &Config) -> Self {
        let asked = config.plugins.iter().filter(|(_, plugin)| plugin.enabled && !plugin.hooks.is_empty());
        let mut asked: Vec<_> = asked.collect();
        asked.sort_by_key(|(name, plugin)| (plugin.order.unwrap_or_default(), name.as_str().to_owned()));
        let entry = |(name, plugin): (&crate::config::Name, &crate::config::Plugin)| Entry {
            name: name.as_str().to_owned(),
            points: plugin.hooks.clone(),
            on_failure: plugin.on_failure.unwrap_or_default(),
        };
        Self { entries: asked.into_iter().map(entry).collect(), dropped: Arc::default() }
    }

    fn at(&self, point: HookPoint) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.points.contains(&point))
    }

    /// Whether anybody is asked there.
    pub(crate) fn any(&self, point: HookPoint) -> bool {
        self.at(point).next().is_some()
    }

    /// How many changes of sessions nobody was told of, since the start.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Asks one after another, until one denies.
    pub(crate) async fn ask(&self, plugins: &Plugins, question: &Question) -> Answer {
        let point = question.point();
        let mut answer = Answer::default();
        for entry in self.at(point) {
            let said = match plugins.hook(&entry.name) {
                Some(plugin) => question.put(&plugin).await,
                None => Err(CallError::NotRunning("see `waystation plugin list`".into())),
            };
            answer.heard(entry, point, said);
            if answer.denial.is_some() {
                break;
            }
        }
        answer
    }
}

impl Answer {
    fn heard(&mut self, entry: &Entry, point: HookPoint, said: Result<Verdict, CallError>) {
        let deed = |action, outcome, why: &str| HookDeed {
            action,
            target: format!("{} {}: {why}", entry.name, point.as_str()),
            outcome,
        };
        let deny = |reason: String, failed| Some(Denial { hook: entry.name.clone(), reason, failed });
        match said {
            Ok(Verdict::Allow) => {}
            Ok(Verdict::Deny(reason)) => {
                self.deeds.push(deed("hook.deny", "denied", &reason));
                self.denial = deny(reason, false);
            }
            Err(error) => {
                let why = hook::clean(&format!("{}: {}", error.code(), error.sentence()));
                tracing::warn!(
                    hook = entry.name,
                    point = point.as_str(),
                    cause = error.cause(),
                    "a hook failed: {why}"
                );
                match entry.on_failure {
                    OnFailure::Closed => {
                        self.deeds.push(deed("hook.deny", "hook-failed", &why));
                        // What a plugin is made of is for its operator.
                        self.denial = deny(format!("the hook did not decide ({})", error.cause()), true);
                    }
                    OnFailure::Skip | OnFailure::Open => {
                        self.deeds.push(deed("hook.pass", "hook-failed", &why));
                    }
                }
            }
        }
    }
}

impl Question {
    fn point(&self) -> HookPoint {
        match self {
            Self::Issue(_) => HookPoint::BeforeIssue,
            Self::Validate(_) => HookPoint::AfterValidate,
            Self::Stay(_) => HookPoint::WhileOpen,
            Self::Scope(_) => HookPoint::BeforeScopeChange,
        }
    }

    async fn put(&self, plugin: &Arc<Plugin<Hook>>) -> Result<Verdict, CallError> {
        match self.clone() {
            Self::Issue(asked) => hook::before_issue(plugin, asked).await,
            Self::Validate(asked) | Self::Stay(asked) => hook::after_validate(plugin, asked).await,
            Self::Scope(asked) => hook::before_scope_change(plugin, asked).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn hooks(text: &str) -> Hooks {
        let config = Config::parse(Some(("f", text.as_bytes())), &Environment::default()).unwrap();
        Hooks::new(&config)
    }

    fn entry(on_failure: OnFailure) -> Entry {
        Entry { name: "guard".into(), points: vec![HookPoint::BeforeIssue], on_failure }
    }

    #[test]
    fn asked_in_order_and_only_where_configured() {
        let hooks = hooks(
            "[plugins.b]\nfile = \"b\"\nhooks = [\"before-issue\"]\n\
             [plugins.a]\nfile = \"a\"\nhooks = [\"before-issue\", \"after-validate\"]\n\
             [plugins.first]\nfile = \"c\"\nhooks = [\"before-issue\"]\norder = -1\n\
             [plugins.off]\nfile = \"d\"\nhooks = [\"before-scope-change\"]\nenabled = false\n\
             [plugins.none]\nfile = \"e\"\n",
        );
        let at = |point| hooks.at(point).map(|entry| entry.name.as_str()).collect::<Vec<_>>();
        assert_eq!(at(HookPoint::BeforeIssue), ["first", "a", "b"]);
        assert_eq!(at(HookPoint::AfterValidate), ["a"]);
        assert!(!hooks.any(HookPoint::BeforeScopeChange) && !hooks.any(HookPoint::OnSessionChange));
    }

    #[test]
    fn a_failure_denies_where_it_is_closed_and_is_on_record_where_it_is_open() {
        let failed = || Err(CallError::NotRunning("disabled\n".into()));
        for (policy, action, denied) in [
            (OnFailure::Closed, "hook.deny", true),
            (OnFailure::Skip, "hook.pass", false),
            (OnFailure::Open, "hook.pass", false),
        ] {
            let mut answer = Answer::default();
            answer.heard(&entry(policy), HookPoint::BeforeIssue, failed());
            assert_eq!(answer.denial.is_some(), denied, "{policy:?}");
            let deed = answer.deeds.pop().unwrap();
            assert_eq!((deed.action, deed.outcome), (action, "hook-failed"));
            assert!(deed.target.starts_with("guard before-issue: not-running: "), "{}", deed.target);
            assert!(!deed.target.contains('\n'));
        }
    }

    #[test]
    fn a_denial_is_told_with_its_reason_and_a_permission_leaves_no_trace() {
        let mut answer = Answer::default();
        answer.heard(&entry(OnFailure::Open), HookPoint::BeforeIssue, Ok(Verdict::Allow));
        assert_eq!(answer, Answer::default());
        answer.heard(&entry(OnFailure::Open), HookPoint::BeforeIssue, Ok(Verdict::Deny("closed".into())));
        let denial = Denial { hook: "guard".into(), reason: "closed".into(), failed: false };
        assert_eq!(answer.denial, Some(denial));
    }
}
