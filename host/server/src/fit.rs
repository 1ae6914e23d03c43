//! What operators write for plugins, held against the schemas that the plugins give: an item's options against its
//! source's, a channel's configuration against its notifier's. A plugin that is not loaded is asked later.

use serde_json::{Map, Value};
use waystation_runtime::Plugin;
use waystation_schema::Mismatches;
use waystation_worlds::{Notifier, UpdateSource};

use crate::config::Config;
use crate::plugins::Plugins;

/// The code of options that do not fit.
pub(crate) const OPTIONS: &str = "options-mismatch";

/// The code of a channel that does not fit.
pub(crate) const CHANNEL: &str = "channel-mismatch";

/// Options of an item.
pub(crate) fn options(source: &Plugin<UpdateSource>, options: &Map<String, Value>) -> Result<(), Mismatches> {
    source.loaded().map_or(Ok(()), |loaded| loaded.schemas().check_subject(options))
}

/// The configuration of a channel.
pub(crate) fn channel(notifier: &Plugin<Notifier>, config: &Map<String, Value>) -> Result<(), Mismatches> {
    notifier.loaded().map_or(Ok(()), |loaded| loaded.schemas().check_subject(config))
}

/// Says which channels and items of the configuration do not fit. They stay: a message over such a channel and a
/// check of such an item fail with the same words.
pub(crate) fn tell(config: &Config, plugins: &Plugins) {
    for (name, written) in &config.channels {
        let Some(notifier) = plugins.notifier(written.plugin.as_str()) else { continue };
        if let Err(found) = channel(&notifier, &written.config) {
            let problem = found.under(&["channels", name.as_str(), "config"]);
            tracing::error!(channel = name.as_str(), code = CHANNEL, "channel cannot be used: {problem}");
        }
    }
    for (name, written) in &config.items {
        let Some(source) = plugins.source(written.source.as_str()) else { continue };
        if let Err(found) = options(&source, &written.options) {
            let problem = found.under(&["items", name.as_str(), "options"]);
            tracing::error!(item = name.as_str(), code = OPTIONS, "item cannot be checked: {problem}");
        }
    }
}
