//! The world `update-source`: which releases of a piece of software exist.

use semver::Version;
use wasmtime::Store;
use wasmtime::component::InstancePre;
use waystation_runtime::{Answer, CallError, Identity, Plugin, PluginError, State, World};

use crate::convert;

pub(crate) mod v0_1 {
    wasmtime::component::bindgen!({
        inline: "
            package waystation:generated;
            world exported {
                export waystation:update-source/source@0.1.0;
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
            "../../wit/update-source",
        ],
        exports: { default: async },
        with: { "waystation:host/types@0.1.0": waystation_runtime::host_types },
        require_store_data_send: true,
    });
}

use v0_1::exports::waystation::update_source::source as wit;

/// The world. Bindings of every generation end in the one domain type.
pub struct UpdateSource;

/// Bindings of one of the generations.
pub enum Bindings {
    /// 0.1
    V0_1(v0_1::ExportedPre<State>),
}

impl World for UpdateSource {
    const NAME: &'static str = "update-source";
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
                subject_schema: d.options_schema,
            }))
        })
    }
}

/// What a source says of itself.
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
    /// JSON Schema of an item's options.
    pub options_schema: String,
    /// What a locator looks like.
    pub locator_hint: String,
    /// Version schemes, most likely first.
    pub schemes: Vec<String>,
}

/// One question to a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// How the source names the software.
    pub locator: String,
    /// Options of the item, a JSON object.
    pub options: String,
    /// From the last answer.
    pub validator: Option<String>,
    /// Whether pre-releases are of use.
    pub prereleases: bool,
    /// The most releases to give.
    pub limit: u32,
}

/// A source's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Nothing changed since the validator.
    Unchanged,
    /// What there is.
    Listing(Listing),
}

/// The releases of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// Newest first, as far as the remote says.
    pub releases: Vec<waystation_core::release::Release>,
    /// For the next question.
    pub validator: Option<String>,
    /// Whether the remote has more.
    pub more: bool,
}

async fn description(
    bindings: &Bindings,
    store: &mut Store<State>,
) -> wasmtime::Result<Result<Description, PluginError>> {
    let Bindings::V0_1(pre) = bindings;
    let instance = pre.instantiate_async(&mut *store).await?;
    let answer = instance.waystation_update_source_source().call_describe(store).await?;
    Ok(answer.map_err(PluginError::from).map(|d| Description {
        name: d.name,
        version: d.version,
        summary: d.summary,
        config_schema: d.config_schema,
        options_schema: d.options_schema,
        locator_hint: d.locator_hint,
        schemes: d.schemes,
    }))
}

/// Asks a source to describe itself.
///
/// # Errors
/// See [`CallError`].
pub async fn describe(plugin: &Plugin<UpdateSource>) -> Result<Description, CallError> {
    plugin.call("describe", |bindings, store| Box::pin(description(bindings, store))).await
}

/// Asks for the releases of one item.
///
/// # Errors
/// See [`CallError`].
pub async fn releases(plugin: &Plugin<UpdateSource>, query: Query) -> Result<Found, CallError> {
    let limit = query.limit;
    let answer = plugin
        .call("releases", move |bindings, store| {
            Box::pin(async move {
                let Bindings::V0_1(pre) = bindings;
                let instance = pre.instantiate_async(&mut *store).await?;
                let (item, context) = to_wit(query);
                let source = instance.waystation_update_source_source();
                Ok(source.call_releases(store, &item, &context).await?.map_err(PluginError::from))
            })
        })
        .await?;
    Ok(convert::answer(answer, limit)?)
}

/// Asks for the releases of many items in one call. The answers come in the order
/// of the questions. A source whose remote cannot do so answers with
/// `unsupported`.
///
/// # Errors
/// See [`CallError`]; an answer of another length is [`Cause::Decode`].
///
/// [`Cause::Decode`]: waystation_runtime::Cause::Decode
pub async fn releases_batch(
    plugin: &Plugin<UpdateSource>,
    queries: Vec<Query>,
) -> Result<Vec<Result<Found, CallError>>, CallError> {
    let limits: Vec<u32> = queries.iter().map(|q| q.limit).collect();
    let answers = plugin
        .call("releases-batch", move |bindings, store| {
            Box::pin(async move {
                let Bindings::V0_1(pre) = bindings;
                let instance = pre.instantiate_async(&mut *store).await?;
                let queries: Vec<wit::Query> = queries
                    .into_iter()
                    .map(|query| {
                        let (item, context) = to_wit(query);
                        wit::Query { item, context }
                    })
                    .collect();
                let source = instance.waystation_update_source_source();
                Ok(source.call_releases_batch(store, &queries).await?.map_err(PluginError::from))
            })
        })
        .await?;
    convert::same_length(limits.len(), answers.len())?;
    Ok(answers
        .into_iter()
        .zip(limits)
        .map(|(answer, limit)| match answer {
            Ok(answer) => Ok(convert::answer(answer, limit)?),
            Err(error) => Err(CallError::Failed(PluginError::from(error).into())),
        })
        .collect())
}

fn to_wit(query: Query) -> (wit::Item, wit::Context) {
    let item = wit::Item { locator: query.locator, options: query.options, extra: Vec::new() };
    let context = wit::Context {
        validator: query.validator,
        prereleases: query.prereleases,
        limit: query.limit,
        extra: Vec::new(),
    };
    (item, context)
}
