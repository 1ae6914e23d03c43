//! What an operator sets, for the plugin and for an item.

use serde::Deserialize;
use waystation_listing::{ForgeConfig, Selection, page_size};
use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::http::BaseUrl;

const PUBLIC: &str = "https://gitlab.com";
/// The credential, where the configuration names no other.
pub(crate) const CREDENTIAL: &str = "gitlab-token";

/// The instance's address.
pub(crate) fn base(config: &ForgeConfig) -> Result<BaseUrl, Error> {
    config.instance(PUBLIC, "/api/v4")
}

/// An item's options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    tag_prefix: Option<String>,
    asset_pattern: Option<String>,
    pub(crate) sources: bool,
    page_size: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { tag_prefix: None, asset_pattern: None, sources: true, page_size: 20 }
    }
}

impl Options {
    /// How many releases to ask for at once.
    pub(crate) fn page_size(&self) -> Result<u32, Error> {
        page_size(self.page_size, 100)
    }

    /// Which tags and files count.
    pub(crate) fn selection(&self) -> Result<Selection, Error> {
        Selection::new(self.tag_prefix.as_deref(), self.asset_pattern.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waystation_update_source::plugin::config::options;

    #[test]
    fn defaults() {
        assert_eq!(base(&ForgeConfig::default()).unwrap().as_str(), PUBLIC);
        let options = options::<Options>("").unwrap();
        assert_eq!((options.page_size().unwrap(), options.sources), (20, true));
    }

    #[test]
    fn unknown_keys_and_values_out_of_range_are_refused() {
        for bad in [r#"{"prefix":"v"}"#, r#"{"page_size":"20"}"#, "{"] {
            assert_eq!(options::<Options>(bad).unwrap_err().code, "bad-input", "{bad}");
        }
        for bad in [r#"{"page_size":0}"#, r#"{"page_size":101}"#] {
            assert_eq!(options::<Options>(bad).unwrap().page_size().unwrap_err().code, "bad-input", "{bad}");
        }
        let pattern: Options = options(r#"{"asset_pattern":"["}"#).unwrap();
        assert_eq!(pattern.selection().unwrap_err().code, "bad-input");
    }
}
