//! What an operator sets, for the plugin and for an item.

use serde::Deserialize;
use waystation_listing::{ForgeConfig, Selection, page_size};
use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::http::BaseUrl;

const PUBLIC: &str = "https://api.github.com";
/// The credential, where the configuration names no other.
pub(crate) const CREDENTIAL: &str = "github-token";

/// The interface's address. The pages that people read are mistaken for it often enough to say so.
pub(crate) fn base(config: &ForgeConfig) -> Result<BaseUrl, Error> {
    let base = config.base(PUBLIC)?;
    if base.as_str() == "https://github.com" {
        return Err(Error::bad_config(
            "`base_url` is that of the pages people read; write `https://api.github.com`, or leave it out",
        ));
    }
    Ok(base)
}

/// An item's options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    pub(crate) tags: bool,
    tag_prefix: Option<String>,
    asset_pattern: Option<String>,
    page_size: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { tags: false, tag_prefix: None, asset_pattern: None, page_size: 30 }
    }
}

impl Options {
    /// How many entries to ask for at once. Tags come in no useful order and are small: as many as GitHub
    /// gives.
    pub(crate) fn page_size(&self) -> Result<u32, Error> {
        const MOST: u32 = 100;
        if self.tags { Ok(MOST) } else { page_size(self.page_size, MOST) }
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
        assert_eq!(options::<Options>("").unwrap().page_size().unwrap(), 30);
        assert_eq!(options::<Options>(r#"{"tags":true}"#).unwrap().page_size().unwrap(), 100);
    }

    #[test]
    fn bad_addresses_are_refused() {
        for bad in ["github.com", "https://github.com/", "https://a.example/?x"] {
            let config = serde_json::from_value(serde_json::json!({ "base_url": bad })).unwrap();
            assert_eq!(base(&config).unwrap_err().code, "bad-config", "{bad}");
        }
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
