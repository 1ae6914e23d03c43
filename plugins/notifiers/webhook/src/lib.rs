//! Notifier: one signed HTTP call for each message, as in the Standard Webhooks specification 1.0.0.
//!
//! The key is a credential of the host's: the plugin hands over what is to be signed (`signature`) and
//! never sees it. What is sent is in `payload`, what an answer means in `outcome`.
#![forbid(unsafe_code)]

mod channel;
mod outcome;
mod payload;
mod signature;

use channel::Channel;
use serde::Deserialize;
use std::io::Read;
use waystation_notifier::plugin::http::Request;
use waystation_notifier::plugin::{Error, config, credentials, now};
use waystation_notifier::{Description, Guest, Message, Receipt, export, test_message};

/// The plugin.
#[derive(Debug)]
pub struct Plugin;

/// There is nothing to configure for all channels.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {}

/// How much of a refusal is read, for its sentence.
const REFUSAL: u64 = 16 << 10;

impl Guest for Plugin {
    fn describe() -> Result<Description, Error> {
        Ok(Description {
            name: "waystation/webhook".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Signed HTTP calls (Standard Webhooks)".into(),
            config_schema: include_str!("config.schema.json").into(),
            channel_schema: include_str!("channel.schema.json").into(),
            extra: vec![],
        })
    }

    fn deliver(message: Message, channel: String) -> Result<Receipt, Error> {
        let Config {} = config::parse()?;
        call(&message, &Channel::parse(&channel)?)
    }

    fn test(channel: String) -> Result<Receipt, Error> {
        let Config {} = config::parse()?;
        let channel = Channel::parse(&channel)?;
        call(&test_message(now()), &channel)
    }
}

export!(Plugin);

fn call(message: &Message, channel: &Channel) -> Result<Receipt, Error> {
    let id = signature::id(&message.id)?;
    let timestamp = now();
    let body = payload::bytes(message)?;
    let mut request = Request::post(&channel.url)
        .header("user-agent", concat!("waystation-webhook/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", id)
        .header("webhook-timestamp", &timestamp.to_string())
        .redirects(0);
    for (name, value) in &channel.headers {
        request = request.header(name, value);
    }
    if let Some(key) = &channel.key {
        let mac = credentials::hmac_sha256(key, &signature::content(id, timestamp, &body))?;
        request = request.header("webhook-signature", &signature::field(&mac));
    }
    if let Some(name) = &channel.header_credential {
        request = request.credential(name);
    }
    let (response, content) = request.body(body, "application/json").stream()?;
    // Of a yes nothing is read: a message that was taken must not fail over what comes after.
    let mut refusal = Vec::new();
    if !(200..300).contains(&response.status) {
        let _cut_short = content.take(REFUSAL).read_to_end(&mut refusal);
    }
    outcome::of(response.status, &response.headers, &refusal, timestamp)?;
    Ok(Receipt { id: None, extra: vec![("http-status".to_owned(), response.status.to_string())] })
}
