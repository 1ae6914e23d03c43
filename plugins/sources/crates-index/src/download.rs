//! Where `.crate` files are: the `dl` template of an index.

use serde::Deserialize;
use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::http::url::Url;
use waystation_update_source::{Asset, Digest};

use crate::index::Version;
use crate::name::prefix;

const MARKERS: [&str; 5] = ["{crate}", "{version}", "{prefix}", "{lowerprefix}", "{sha256-checksum}"];

/// A `dl` template as Cargo's registry reference describes it. It makes usable URLs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Template(String);

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let marked = MARKERS.iter().any(|marker| text.contains(marker));
        let template = if marked {
            text
        } else {
            format!("{}/{{crate}}/{{version}}/download", text.trim_end_matches('/'))
        };
        let template = Self(template);
        Url::parse(&template.fill("demo", "1.0.0", &"0".repeat(64))).map_err(|error| error.message)?;
        Ok(template)
    }
}

impl Template {
    /// From an index's `config.json`.
    pub(crate) fn from_config(document: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Document {
            dl: Template,
        }
        let document: Document = serde_json::from_slice(document).map_err(|error| {
            Error::bad_response(format!("the index's config.json does not say where downloads are: {error}"))
        })?;
        Ok(document.dl)
    }

    /// The file of one version. Nothing where the address would need a checksum that is not known.
    pub(crate) fn asset(&self, version: &Version<'_>) -> Option<Asset> {
        if version.sha256.is_none() && self.0.contains("{sha256-checksum}") {
            return None;
        }
        let url = self.fill(&version.name, &version.text, version.sha256.as_deref().unwrap_or_default());
        let digest = |value: &String| Digest { algorithm: "sha256".into(), value: value.clone() };
        Some(Asset {
            name: format!("{}-{}.crate", version.name, version.text),
            url: Url::parse(&url).ok()?.to_string(),
            size: None,
            digests: version.sha256.iter().map(digest).collect(),
            media_type: Some("application/gzip".into()),
            extra: vec![],
        })
    }

    fn fill(&self, name: &str, version: &str, sha256: &str) -> String {
        let step = |name: &str| prefix(name).join("/");
        self.0
            .replace("{crate}", name)
            .replace("{version}", version)
            .replace("{prefix}", &step(name))
            .replace("{lowerprefix}", &step(&name.to_ascii_lowercase()))
            .replace("{sha256-checksum}", sha256)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::parse;

    const SHA256: &str = "4148590afebada386688f18773da617792bf2ef03ffc1e4cbd2b1d45b023e0ba";

    fn url(template: &str, cksum: &str) -> Option<String> {
        let line = format!(r#"{{"name":"MyCrate","vers":"1.0.0+x","cksum":"{cksum}"}}"#);
        let parsed = parse(line.as_bytes()).unwrap();
        let template = Template::try_from(template.to_owned()).unwrap();
        template.asset(&parsed.versions[0]).map(|asset| asset.url)
    }

    #[test]
    fn markers_are_filled() {
        for (template, expected) in [
            (
                "https://static.example.org/crates",
                "https://static.example.org/crates/MyCrate/1.0.0+x/download",
            ),
            ("https://a.example/dl/", "https://a.example/dl/MyCrate/1.0.0+x/download"),
            (
                "https://a.example/{crate}/{crate}-{version}.crate",
                "https://a.example/MyCrate/MyCrate-1.0.0+x.crate",
            ),
            ("https://a.example/{prefix}/{crate}", "https://a.example/My/Cr/MyCrate"),
            ("https://a.example/{lowerprefix}/{crate}", "https://a.example/my/cr/MyCrate"),
            ("https://a.example/{sha256-checksum}", &format!("https://a.example/{SHA256}")),
        ] {
            assert_eq!(url(template, SHA256).as_deref(), Some(expected));
        }
        assert_eq!(url("https://a.example/{sha256-checksum}", ""), None);
        assert!(url("https://a.example/{crate}", "").is_some());
    }

    #[test]
    fn the_document_of_the_index_is_read() {
        let document =
            br#"{"dl":"https://static.example.org/crates","api":"https://crates.example.org","auth-required":false}"#;
        assert_eq!(
            Template::from_config(document).unwrap().0,
            "https://static.example.org/crates/{crate}/{version}/download"
        );
        for bad in
            [&b"{}"[..], b"", b"<html>", br#"{"dl":"/relative"}"#, br#"{"dl":"ftp://a.example/{crate}"}"#]
        {
            assert_eq!(Template::from_config(bad).unwrap_err().code, "bad-response");
        }
    }

    proptest! {
        #[test]
        fn any_template_is_survived(text in any::<String>(), tail in "[a-z{}/-]{0,30}", bytes in any::<Vec<u8>>()) {
            let _ = Template::from_config(&bytes);
            for text in [text, format!("https://a.example/{tail}")] {
                if let Ok(template) = Template::try_from(text) {
                    let parsed = parse(br#"{"name":"a","vers":"1.0.0"}"#).unwrap();
                    let _ = template.asset(&parsed.versions[0]);
                }
            }
        }
    }
}
