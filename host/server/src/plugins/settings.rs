//! From `[plugins.NAME]` to what the runtime enforces.

use std::time::Duration;

use waystation_egress::{
    Binding, Credential, CredentialName, Credentials, EgressError, HttpGrant, HttpLimits, Mode,
};
use waystation_runtime::manifest::Manifest;
use waystation_runtime::{Ceiling, ContentDigest, Grants, Limits, LoadError, Settings};

use crate::config::{self, CredentialUse, Environment, GrantMode, PluginLimits};

/// Everything that was decided about one plugin. Secrets are read here, at load.
///
/// # Errors
/// [`LoadError::Config`] when a grant or credential cannot be used or a secret not
/// be read.
pub(crate) fn settings(
    name: &str,
    plugin: &config::Plugin,
    defaults: &PluginLimits,
    environment: &Environment,
    manifest: &Manifest,
) -> Result<Settings, LoadError> {
    decisions(plugin, manifest)?;
    Ok(Settings {
        name: name.to_owned(),
        config: plugin.config.clone(),
        grants: grants(plugin, environment)?,
        limits: limits(plugin, defaults, manifest),
        asked: plugin.hooks.iter().map(|point| point.function().to_owned()).collect(),
        pinned: pinned(plugin),
    })
}

/// The digest that the configuration insists on.
pub(crate) fn pinned(plugin: &config::Plugin) -> Option<ContentDigest> {
    ContentDigest::parse(plugin.digest.as_ref()?.as_str())
}

/// That nothing is said about decisions of a plugin that makes none.
///
/// # Errors
/// [`LoadError::Config`] where it is.
pub(crate) fn decisions(plugin: &config::Plugin, manifest: &Manifest) -> Result<(), LoadError> {
    let world = manifest.kind.world.as_str();
    if world == "hook" {
        return match plugin.hooks.is_empty() {
            false => Ok(()),
            true => Err(LoadError::Config(
                "`hooks` says where a hook is asked, such as `hooks = [\"before-issue\"]`, and this one is asked \
                 nowhere"
                    .into(),
            )),
        };
    }
    if !plugin.hooks.is_empty() || plugin.order.is_some() {
        return Err(LoadError::Config(format!(
            "`hooks` and `order` are for hooks, and this is of the kind {world}, which is asked for no decision; \
             remove them"
        )));
    }
    if plugin.on_failure.is_none() {
        return Ok(());
    }
    Err(LoadError::Config(format!(
        "`on_failure` says what a hook's decision becomes when the hook fails, and this is of the kind {world}, \
         which makes none; remove it"
    )))
}

/// The grants as configured.
///
/// # Errors
/// As [`settings`].
pub(crate) fn grants(plugin: &config::Plugin, environment: &Environment) -> Result<Grants, LoadError> {
    let http = plugin.grants.http.iter().map(http_grant).collect::<Result<_, _>>().map_err(refused)?;
    let mut credentials = Vec::new();
    for (name, credential) in &plugin.credentials {
        let secret = credential.from.resolve(environment).map_err(|problem| {
            LoadError::Config(format!("credential `{}`: {}", name.as_str(), problem.message))
        })?;
        let name: CredentialName = name.as_str().parse().map_err(refused)?;
        let binding = match (credential.usage, &credential.origin) {
            (CredentialUse::Hmac, _) => Binding::Hmac,
            (CredentialUse::Header, Some(origin)) => Binding::Header {
                origin: origin.as_pattern().clone(),
                header: credential.header_name().parse().map_err(|_| bad_header(credential.header_name()))?,
                prefix: credential.prefix.as_ref().map(|prefix| prefix.as_str().to_owned()),
            },
            (CredentialUse::Header, None) => {
                return Err(LoadError::Config(format!(
                    "credential `{name}` needs `origin`, or `use = \"hmac\"`"
                )));
            }
        };
        credentials.push(Credential::new(name, secret.value, binding).map_err(refused)?);
    }
    let config::Grants { kv, tickets, scopes, .. } = &plugin.grants;
    let (kv, tickets, scopes) = (*kv, *tickets, *scopes);
    Ok(Grants { http, kv, tickets, scopes, credentials: Credentials::new(credentials) })
}

fn http_grant(grant: &config::HttpGrant) -> Result<HttpGrant, EgressError> {
    Ok(HttpGrant {
        origins: grant.all_origins().map(|origin| origin.as_pattern().clone()).collect(),
        methods: grant.methods.iter().map(|m| m.as_str().to_owned()).collect::<Vec<_>>().try_into()?,
        headers: grant.headers.iter().map(|h| h.as_str().to_owned()).collect::<Vec<_>>().try_into()?,
        addresses: grant.addresses.iter().map(config::Network::as_ip_net).collect(),
        mode: match grant.mode {
            GrantMode::Enforce => Mode::Enforce,
            GrantMode::Audit => Mode::Audit,
        },
    })
}

/// An operator's word on this plugin counts as it is; where there is none, what the
/// manifest wishes for, under the ceiling.
pub(crate) fn limits(plugin: &config::Plugin, defaults: &PluginLimits, manifest: &Manifest) -> Limits {
    let own = &plugin.limits;
    let set = own.over(defaults);
    let bytes = |size: config::ByteSize| usize::try_from(size.bytes()).unwrap_or(usize::MAX);
    let limits = Limits {
        memory: bytes(set.memory),
        cpu: set.cpu.duration(),
        wall: set.wall.duration(),
        transfer: bytes(set.output),
        resources: set.resources as usize,
        concurrency: set.concurrency as usize,
        queue: set.queue as usize,
        log_line: bytes(set.log_line),
        log_lines_per_minute: set.log_lines_per_minute,
        kv_value: bytes(set.kv_value),
        kv_total: set.kv_total.bytes(),
        kv_keys: u64::from(set.kv_keys),
        kv_writes_per_call: set.kv_writes_per_call,
        http: HttpLimits {
            connect: set.http_connect.duration(),
            total: set.http_total.duration(),
            response_body: set.http_body.bytes(),
            request_body: set.http_request_body.bytes(),
            ..HttpLimits::default()
        },
        http_requests_per_call: set.http_requests_per_call,
    };
    let ceiling =
        Ceiling { memory: bytes(set.max_memory), cpu: set.max_cpu.duration(), wall: set.max_wall.duration() };
    // A hook stands in somebody's way: only its operator can let it take longer.
    if manifest.kind.world == "hook" {
        let wall = own.wall.unwrap_or(set.hook_wall).duration();
        let wishes = waystation_runtime::Wishes { wall: None, ..wished(plugin, manifest) };
        return Limits { wall, ..limits }.with_wishes(&wishes, &ceiling);
    }
    limits.with_wishes(&wished(plugin, manifest), &ceiling)
}

/// What a manifest wishes for where the operator said nothing.
fn wished(plugin: &config::Plugin, manifest: &Manifest) -> waystation_runtime::Wishes {
    let (own, wishes) = (&plugin.limits, manifest.wishes);
    waystation_runtime::Wishes {
        memory: wishes.memory.filter(|_| own.memory.is_none()),
        cpu: wishes.cpu.filter(|_| own.cpu.is_none()),
        wall: wishes.wall.filter(|_: &Duration| own.wall.is_none()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(e: EgressError) -> LoadError {
    LoadError::Config(e.to_string())
}

fn bad_header(name: &str) -> LoadError {
    LoadError::Config(format!("`{name}` is not the name of a header"))
}
