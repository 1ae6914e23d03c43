//! Which channels an event goes to.

use waystation_core::event::NewEvent;
use waystation_core::name::ChannelName;

use crate::config::Config;

/// The channels whose rules an event fits. Events about channels go nowhere.
pub(crate) fn channels(config: &Config, event: &NewEvent) -> Vec<ChannelName> {
    if !event.kind.is_for_channels() {
        return Vec::new();
    }
    config
        .channels
        .iter()
        .filter(|(_, channel)| event.severity >= channel.min_severity)
        .filter(|(_, channel)| channel.events.as_ref().is_none_or(|kinds| kinds.contains(&event.kind)))
        .filter_map(|(name, _)| name.as_str().parse().ok())
        .collect()
}
