//! The world `hook`: asked before something happens, and may refuse it.

use semver::Version;
use wasmtime::Store;
use wasmtime::component::InstancePre;
use waystation_runtime::{Answer, CallError, Identity, Plugin, PluginError, State, World};

pub(crate) mod v0_1 {
    wasmtime::component::bindgen!({
        inline: "
            package waystation:generated;
            world exported {
                export waystation:hook/hooks@0.1.0;
            }
        ",
        path: [
            "../../wit/deps/io.wit",
            "../../wit/deps/clocks.wit",
            "../../wit/deps/random.wit",
            "../../wit/deps/filesystem.wit",
            "../../wit/deps/sockets.wit",
            "../../wit/deps/cli.wit",
            "../../wit/deps/http.wit",
            "../../wit/host",
            "../../wit/host-0.1.1",
            "../../wit/hook",
        ],
        exports: { default: async },
        with: { "waystation:host/types@0.1.0": waystation_runtime::host_types },
        require_store_data_send: true,
    });
}

use v0_1::exports::waystation::hook::hooks as wit;

/// The world. Bindings of every generation end in the one domain type.
pub struct Hook;

/// Bindings of one of the generations.
pub enum Bindings {
    /// 0.1
    V0_1(v0_1::ExportedPre<State>),
}

impl World for Hook {
    const NAME: &'static str = "hook";
    const GENERATIONS: &'static [(u64, u64)] = &[(0, 1)];
    type Bindings = Bindings;

    fn bind(pre: InstancePre<State>, _built_against: &Version) -> wasmtime::Result<Bindings> {
        Ok(Bindings::V0_1(v0_1::ExportedPre::new(pre)?))
    }

    fn describe<'a>(bindings: &'a Bindings, store: &'a mut Store<State>) -> Answer<'a, Identity> {
        Box::pin(async move {
            let Bindings::V0_1(pre) = bindings;
            let instance = pre.instantiate_async(&mut *store).await?;
            let answer = instance.waystation_hook_hooks().call_describe(store).await?;
            Ok(answer.map_err(PluginError::from).map(|d| Identity {
                name: d.name,
                version: d.version,
                config_schema: d.config_schema,
                subject_schema: String::new(),
            }))
        })
    }

    fn prepare<'a>(
        bindings: &'a Bindings,
        store: &'a mut Store<State>,
        asked: Vec<String>,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let Bindings::V0_1(pre) = bindings;
            let instance = pre.instantiate_async(&mut *store).await?;
            let answer = instance.waystation_hook_hooks().call_prepare(store, &asked).await?;
            Ok(answer.map_err(PluginError::from))
        })
    }
}

/// What a hook answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may happen.
    Allow,
    /// It may not, for this reason: one line, bounded, without control characters.
    Deny(String),
}

/// The most bytes of a reason; what is longer is cut.
pub const MAX_REASON: usize = 500;

impl From<wit::Verdict> for Verdict {
    fn from(verdict: wit::Verdict) -> Self {
        match verdict {
            wit::Verdict::Allow => Self::Allow,
            wit::Verdict::Deny(reason) => Self::Deny(clean(&reason)),
        }
    }
}

/// A reason as it is shown and kept: on one line, without what moves a cursor or turns text around, and of at most
/// [`MAX_REASON`] bytes. One that says nothing says that.
#[must_use]
pub fn clean(reason: &str) -> String {
    // More than is kept is not looked at: a plugin may answer megabytes.
    let shown = |c: char| match c {
        c if c.is_control() || c.is_whitespace() => ' ',
        // Marks that turn the direction of what follows.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c => c,
    };
    let mut text = String::new();
    for c in reason.trim().chars().take(MAX_REASON).map(shown) {
        if text.len() + c.len_utf8() > MAX_REASON {
            break;
        }
        text.push(c);
    }
    match text.trim() {
        "" => "no reason was given".to_owned(),
        text => text.to_owned(),
    }
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Its label.
    pub name: String,
    /// What it may do, sorted.
    pub capabilities: Vec<String>,
}

/// One agent is to admit another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Whose.
    pub tenant: String,
    /// The registered scope.
    pub scope: String,
    /// The sub-scope.
    pub sub_scope: String,
    /// The id of the instance.
    pub instance: String,
    /// Who owns it.
    pub source: Party,
    /// Who is to be admitted.
    pub target: Party,
    /// RFC 3339, in UTC.
    pub at: String,
    /// The id of the request.
    pub request: Option<String>,
}

/// What became of a session. See the WIT.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the WIT says it")]
pub struct SessionChange {
    pub what: String,
    pub reason: Option<String>,
    pub session: String,
    pub tenant: String,
    pub scope: String,
    pub sub_scope: String,
    pub instance: String,
    pub source: String,
    pub target: String,
    pub at: String,
}

/// A scope is to change. See the WIT.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the WIT says it")]
pub struct ScopeChange {
    pub what: &'static str,
    pub tenant: String,
    pub scope: String,
    pub version: Option<String>,
    pub sub_scopes: Vec<String>,
    pub actor: String,
    pub at: String,
    pub request: Option<String>,
}

fn party(party: Party) -> wit::Party {
    wit::Party { name: party.name, capabilities: party.capabilities, extra: Vec::new() }
}

fn admission(asked: Admission) -> wit::Admission {
    wit::Admission {
        tenant: asked.tenant,
        scope: asked.scope,
        sub_scope: asked.sub_scope,
        instance: asked.instance,
        source: party(asked.source),
        target: party(asked.target),
        at: asked.at,
        request: asked.request,
        extra: Vec::new(),
    }
}

/// Whether a ticket may be issued.
///
/// # Errors
/// See [`CallError`].
pub async fn before_issue(plugin: &Plugin<Hook>, asked: Admission) -> Result<Verdict, CallError> {
    plugin
        .call("before-issue", move |bindings, store| {
            Box::pin(async move {
                let Bindings::V0_1(pre) = bindings;
                store.data_mut().decides_for(asked.tenant.as_str());
                let instance = pre.instantiate_async(&mut *store).await?;
                let hooks = instance.waystation_hook_hooks();
                let answer = hooks.call_before_issue(store, &admission(asked)).await?;
                Ok(answer.map(Verdict::from).map_err(PluginError::from))
            })
        })
        .await
}

/// Whether a ticket that was redeemed may open a session.
///
/// # Errors
/// See [`CallError`].
pub async fn after_validate(plugin: &Plugin<Hook>, asked: Admission) -> Result<Verdict, CallError> {
    plugin
        .call("after-validate", move |bindings, store| {
            Box::pin(async move {
                let Bindings::V0_1(pre) = bindings;
                store.data_mut().decides_for(asked.tenant.as_str());
                let instance = pre.instantiate_async(&mut *store).await?;
                let hooks = instance.waystation_hook_hooks();
                let answer = hooks.call_after_validate(store, &admission(asked)).await?;
                Ok(answer.map(Verdict::from).map_err(PluginError::from))
            })
        })
        .await
}

/// Whether a scope may change.
///
/// # Errors
/// See [`CallError`].
pub async fn before_scope_change(plugin: &Plugin<Hook>, asked: ScopeChange) -> Result<Verdict, CallError> {
    plugin
        .call("before-scope-change", move |bindings, store| {
            Box::pin(async move {
                let Bindings::V0_1(pre) = bindings;
                store.data_mut().decides_for(asked.tenant.as_str());
                let instance = pre.instantiate_async(&mut *store).await?;
                let change = wit::ScopeChange {
                    what: asked.what.to_owned(),
                    tenant: asked.tenant,
                    scope: asked.scope,
                    version: asked.version,
                    sub_scopes: asked.sub_scopes,
                    actor: asked.actor,
                    at: asked.at,
                    request: asked.request,
                    extra: Vec::new(),
                };
                let hooks = instance.waystation_hook_hooks();
                let answer = hooks.call_before_scope_change(store, &change).await?;
                Ok(answer.map(Verdict::from).map_err(PluginError::from))
            })
        })
        .await
}

/// Tells what became of a session.
///
/// # Errors
/// See [`CallError`].
pub async fn on_session_change(plugin: &Plugin<Hook>, change: SessionChange) -> Result<(), CallError> {
    plugin
        .call("on-session-change", move |bindings, store| {
            Box::pin(async move {
                let Bindings::V0_1(pre) = bindings;
                store.data_mut().decides_for(change.tenant.as_str());
                let instance = pre.instantiate_async(&mut *store).await?;
                let change = wit::SessionChange {
                    what: change.what,
                    reason: change.reason,
                    session: change.session,
                    tenant: change.tenant,
                    scope: change.scope,
                    sub_scope: change.sub_scope,
                    instance: change.instance,
                    source: change.source,
                    target: change.target,
                    at: change.at,
                    extra: Vec::new(),
                };
                let hooks = instance.waystation_hook_hooks();
                let answer = hooks.call_on_session_change(store, &change).await?;
                Ok(answer.map_err(PluginError::from))
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_bounded_line_of_plain_text() {
        for (reason, shown) in [
            ("closed on Sundays", "closed on Sundays"),
            (" a\nb\tc\u{1b}[2Jd ", "a b c [2Jd"),
            ("\u{202e}gpj.exe", "\u{fffd}gpj.exe"),
            ("", "no reason was given"),
            ("\r\n\0", "no reason was given"),
        ] {
            assert_eq!(clean(reason), shown);
        }
        let long = clean(&"ä".repeat(10_000));
        assert_eq!((long.len(), long.chars().count()), (500, 250));
        assert_eq!(clean(&"x".repeat(501)).len(), 500);
    }
}
