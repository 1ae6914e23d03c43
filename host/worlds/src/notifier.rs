//! The world `notifier`: carries a message to people.

use semver::Version;
use wasmtime::Store;
use wasmtime::component::InstancePre;
use waystation_runtime::{Answer, CallError, Identity, Plugin, PluginError, State, World};

pub(crate) mod v0_1 {
    wasmtime::component::bindgen!({
        inline: "
            package waystation:generated;
            world exported {
                export waystation:notifier/delivery@0.1.0;
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
            "../../wit/notifier",
        ],
        exports: { default: async },
        with: { "waystation:host/types@0.1.0": waystation_runtime::host_types },
        require_store_data_send: true,
    });
}

use v0_1::exports::waystation::notifier::delivery as wit;

/// The world. Bindings of every generation end in the one domain type.
pub struct Notifier;

/// Bindings of one of the generations.
pub enum Bindings {
    /// 0.1
    V0_1(v0_1::ExportedPre<State>),
}

impl World for Notifier {
    const NAME: &'static str = "notifier";
    const GENERATIONS: &'static [(u64, u64)] = &[(0, 1)];
    type Bindings = Bindings;

    fn bind(pre: InstancePre<State>, _built_against: &Version) -> wasmtime::Result<Bindings> {
        Ok(Bindings::V0_1(v0_1::ExportedPre::new(pre)?))
    }

    fn describe<'a>(bindings: &'a Bindings, store: &'a mut Store<State>) -> Answer<'a, Identity> {
        Box::pin(async move {
            Ok(description(bindings, store).await?.map(|d| Identity {
                name: d.name,
                version: d.version,
                config_schema: d.config_schema,
                subject_schema: d.channel_schema,
            }))
        })
    }
}

/// What a notifier says of itself.
#[derive(Debug, Clone)]
pub struct Description {
    /// `namespace/name`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line.
    pub summary: String,
    /// JSON Schema of its configuration.
    pub config_schema: String,
    /// JSON Schema of a channel's configuration.
    pub channel_schema: String,
}

/// One message. See the WIT for the meaning of each field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Idempotency key, stable over attempts.
    pub id: String,
    /// Event type.
    pub event: String,
    /// `info`, `notice`, `warning` or `critical`.
    pub severity: String,
    /// One line.
    pub title: String,
    /// Plain text.
    pub body: String,
    /// Where to read more.
    pub url: Option<String>,
    /// Seconds since the epoch.
    pub occurred_at: u64,
    /// From 1.
    pub attempt: u32,
    /// The event's fields, a JSON object.
    pub data: String,
}

async fn description(
    bindings: &Bindings,
    store: &mut Store<State>,
) -> wasmtime::Result<Result<Description, PluginError>> {
    let Bindings::V0_1(pre) = bindings;
    let instance = pre.instantiate_async(&mut *store).await?;
    let answer = instance.waystation_notifier_delivery().call_describe(store).await?;
    Ok(answer.map_err(PluginError::from).map(|d| Description {
        name: d.name,
        version: d.version,
        summary: d.summary,
        config_schema: d.config_schema,
        channel_schema: d.channel_schema,
    }))
}

/// Asks a notifier to describe itself.
///
/// # Errors
/// See [`CallError`].
pub async fn describe(plugin: &Plugin<Notifier>) -> Result<Description, CallError> {
    plugin.call("describe", |bindings, store| Box::pin(description(bindings, store))).await
}

/// Delivers one message over a channel, whose configuration is a JSON object. The
/// answer is the remote's name for it, if it gave one.
///
/// # Errors
/// See [`CallError`].
pub async fn deliver(
    plugin: &Plugin<Notifier>,
    message: Message,
    channel: String,
) -> Result<Option<String>, CallError> {
    plugin
        .call("deliver", move |bindings, store| {
            Box::pin(async move {
                let Bindings::V0_1(pre) = bindings;
                let instance = pre.instantiate_async(&mut *store).await?;
                let message = wit::Message {
                    id: message.id,
                    event: message.event,
                    severity: message.severity,
                    title: message.title,
                    body: message.body,
                    url: message.url,
                    occurred_at: message.occurred_at,
                    attempt: message.attempt,
                    data: message.data,
                    extra: Vec::new(),
                };
                let delivery = instance.waystation_notifier_delivery();
                let receipt = delivery.call_deliver(store, &message, &channel).await?;
                Ok(receipt.map(|r| r.id).map_err(PluginError::from))
            })
        })
        .await
}

/// Checks a channel, if need be with a message that says it is a test.
///
/// # Errors
/// See [`CallError`].
pub async fn test(plugin: &Plugin<Notifier>, channel: String) -> Result<Option<String>, CallError> {
    plugin
        .call("test", move |bindings, store| {
            Box::pin(async move {
                let Bindings::V0_1(pre) = bindings;
                let instance = pre.instantiate_async(&mut *store).await?;
                let receipt = instance.waystation_notifier_delivery().call_test(store, &channel).await?;
                Ok(receipt.map(|r| r.id).map_err(PluginError::from))
            })
        })
        .await
}
