//! Items that stand in the configuration: added or brought up to date at start.
//! Items that were added otherwise are left alone.

use jiff::Timestamp;
use waystation_core::event::NewEvent;
use waystation_core::item::ItemSpec;
use waystation_core::version::Scheme;
use waystation_store::{Store, StoreError};
use waystation_worlds::update_source;

use crate::config::{Config, Item};
use crate::plugins::Plugins;
use crate::routing;

/// Brings the database up to the configuration.
///
/// # Errors
/// Those of the database. An item that breaks a rule of the domain is logged and
/// left out.
pub(crate) async fn sync(store: &Store, config: &Config, plugins: &Plugins) -> Result<(), StoreError> {
    let route = |event: &NewEvent| routing::channels(config, event);
    for (name, item) in &config.items {
        let scheme = match item.scheme {
            Some(scheme) => scheme,
            None => default_scheme(plugins, item.source.as_str()).await,
        };
        let spec = match spec(name.as_str(), item, scheme) {
            Ok(spec) => spec,
            Err(problem) => {
                tracing::error!(item = name.as_str(), %problem, "item of the configuration was left out");
                continue;
            }
        };
        let now = Timestamp::now();
        match store.item_named(&spec.name).await {
            Ok(existing) if existing.spec == spec => {}
            Ok(existing) => drop(store.update_item(existing.id, spec, now, &route).await?),
            Err(StoreError::NotFound { .. }) => match store.add_item(spec, now, now, &route).await {
                // Another host with the same configuration was faster.
                Ok(_) | Err(StoreError::Conflict { .. }) => {}
                Err(e) => return Err(e),
            },
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// The scheme that a source's releases follow most likely.
pub(crate) async fn default_scheme(plugins: &Plugins, source: &str) -> Scheme {
    let Some(plugin) = plugins.source(source) else { return Scheme::Loose };
    match update_source::describe(&plugin).await {
        Ok(description) => description.schemes.iter().find_map(|s| s.parse().ok()).unwrap_or(Scheme::Loose),
        Err(_) => Scheme::Loose,
    }
}

fn spec(name: &str, item: &Item, scheme: Scheme) -> Result<ItemSpec, String> {
    let policy = serde_json::from_value(serde_json::Value::Object(item.policy.clone()))
        .map_err(|e| format!("policy: {e}"))?;
    Ok(ItemSpec {
        name: name.parse().map_err(|e: waystation_core::name::InvalidName| e.to_string())?,
        source: item
            .source
            .as_str()
            .parse()
            .map_err(|e: waystation_core::name::InvalidName| e.to_string())?,
        locator: item.locator.parse().map_err(|e: waystation_core::item::InvalidLocator| e.to_string())?,
        options: item.options.clone(),
        scheme,
        policy,
    })
}
