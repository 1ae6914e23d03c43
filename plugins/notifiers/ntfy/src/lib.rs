//! Notifier: push messages through an ntfy server.
//!
//! Messages are published as JSON; what they become is in `publish`, what an operator sets in
//! `settings`. A message's id is its `sequence_id`, with which a server since 2.16 lets a second attempt
//! replace the first on the phone; older servers show both.
#![forbid(unsafe_code)]

mod publish;
mod settings;

use publish::Publish;
use settings::{Channel, Config};
use waystation_notifier::plugin::http::Request;
use waystation_notifier::plugin::{Error, config, now};
use waystation_notifier::{Description, Guest, Message, Receipt, export, test_message};

/// The plugin.
#[derive(Debug)]
pub struct Plugin;

/// A test shall not wake anybody: "low" makes no sound.
const QUIET: u8 = 2;

impl Guest for Plugin {
    fn describe() -> Result<Description, Error> {
        Ok(Description {
            name: "waystation/ntfy".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Push messages through ntfy".into(),
            config_schema: include_str!("config.schema.json").into(),
            channel_schema: include_str!("channel.schema.json").into(),
            extra: vec![],
        })
    }

    fn deliver(message: Message, channel: String) -> Result<Receipt, Error> {
        send(&message, &Channel::parse(&channel)?)
    }

    fn test(channel: String) -> Result<Receipt, Error> {
        let channel = Channel { priority: Some(QUIET), ..Channel::parse(&channel)? };
        send(&test_message(now()), &channel)
    }
}

export!(Plugin);

fn send(message: &Message, channel: &Channel) -> Result<Receipt, Error> {
    let config: Config = config::parse()?;
    let publish = Publish::new(message, channel, config.limit()?);
    let answer = Request::post(config.base()?.as_str())
        .header("user-agent", concat!("waystation-ntfy/", env!("CARGO_PKG_VERSION")))
        .credential_if_bound(&config.credential)
        .json(&publish)
        .redirects(0)
        .max_body(64 << 10)
        .send()?
        .success()?;
    Ok(Receipt { id: Some(publish::receipt(&answer.body)?), extra: Vec::new() })
}
