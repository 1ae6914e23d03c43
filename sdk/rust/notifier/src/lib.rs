//! The world of notifier plugins: they carry a message to people.
//!
//! Implement [`Guest`] for a unit struct and hand it to [`export!`]:
//!
//! ```no_run
//! use waystation_notifier::{Description, Guest, Message, Receipt, export};
//! use waystation_notifier::plugin::{Error, http::Request};
//!
//! struct Plugin;
//!
//! impl Guest for Plugin {
//!     fn describe() -> Result<Description, Error> {
//!         Err(Error::unsupported("an example"))
//!     }
//!
//!     fn deliver(message: Message, _channel: String) -> Result<Receipt, Error> {
//!         Request::post("https://chat.example/hook").json(&message.title).send()?.success()?;
//!         Ok(Receipt { id: None, extra: vec![] })
//!     }
//!
//!     fn test(_channel: String) -> Result<Receipt, Error> {
//!         Ok(Receipt { id: None, extra: vec![] })
//!     }
//! }
//!
//! export!(Plugin);
//! # fn main() {}
//! ```

#[doc(hidden)]
pub mod bindings;

pub use bindings::exports::waystation::notifier::delivery::{Description, Guest, Message, Receipt};
pub use waystation_plugin as plugin;

/// The message that tests a channel.
#[must_use]
pub fn test_message(now: u64) -> Message {
    Message {
        id: format!("test-{now}"),
        event: "waystation.test".into(),
        severity: "info".into(),
        title: "Test from Waystation".into(),
        body: "Somebody tested this channel. There is nothing to do.".into(),
        url: None,
        occurred_at: now,
        attempt: 1,
        data: String::new(),
        extra: vec![],
    }
}

/// Makes a type that implements [`Guest`] the plugin. Once per plugin, at the top of its crate.
///
/// Native builds, which exist for unit tests, only check the implementation.
#[macro_export]
macro_rules! export {
    ($plugin:ident) => {
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::export_notifier!($plugin with_types_in $crate::bindings);
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = $crate::checked::<$plugin>;
    };
}

/// Takes what [`export!`] would export.
#[doc(hidden)]
pub fn checked<T: Guest>() {}
