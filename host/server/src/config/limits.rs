//! What plugins may use up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{ByteSize, TimeSpan};

/// Declares each limit once, for all plugins and for one.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $(#[schemars($($schema:tt)+)])? $name:ident: $kind:ty = $default:expr;)+) => {
        /// Limits of every plugin that has no other in `[plugins.NAME.limits]`, and the ceilings of both.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct PluginLimits {
            $($(#[doc = $doc])+ $(#[schemars($($schema)+)])? pub $name: $kind,)+
            /// The ceiling of `memory`, also of what a plugin's manifest wishes for.
            #[schemars(extend("x-min" = "1 MiB", "x-max" = "4 GiB"))]
            pub max_memory: ByteSize,
            /// The ceiling of `cpu`, also of what a plugin's manifest wishes for.
            #[schemars(extend("x-min" = "10ms", "x-max" = "1h"))]
            pub max_cpu: TimeSpan,
            /// Wall time of one call of a hook, which stands in the way of a request. What a manifest wishes for does not
            /// raise it; `limits.wall` of the plugin does.
            #[schemars(extend("x-min" = "10ms", "x-max" = "60s"))]
            pub hook_wall: TimeSpan,
            /// The ceiling of `wall`, also of what a plugin's manifest wishes for.
            #[schemars(extend("x-min" = "10ms", "x-max" = "1h"))]
            pub max_wall: TimeSpan,
        }

        impl Default for PluginLimits {
            fn default() -> Self {
                Self {
                    $($name: $default,)+
                    max_memory: ByteSize::mib(256),
                    max_cpu: TimeSpan::seconds(60),
                    hook_wall: TimeSpan::seconds(2),
                    max_wall: TimeSpan::seconds(300),
                }
            }
        }

        /// Limits of one plugin. What is not set here is as in `[plugin_limits]`; memory, processor time and
        /// wall time can also be raised by what the plugin's manifest wishes for, up to the ceiling.
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct LimitOverrides {
            $($(#[doc = $doc])+ #[serde(skip_serializing_if = "Option::is_none")] $(#[schemars($($schema)+)])?
            pub $name: Option<$kind>,)+
        }

        impl LimitOverrides {
            /// Whether nothing is set.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                *self == Self::default()
            }

            /// These over `limits`, whose ceilings stay.
            #[must_use]
            pub fn over(&self, limits: &PluginLimits) -> PluginLimits {
                PluginLimits { $($name: self.$name.unwrap_or(limits.$name),)+ ..limits.clone() }
            }
        }
    };
}

limits! {
    /// Memory of one call, over all linear memories and tables.
    #[schemars(extend("x-min" = "1 MiB", "x-max" = "4 GiB"))]
    memory: ByteSize = ByteSize::mib(64);
    /// Processor time of one call. Time in which the host works for the plugin does not count.
    #[schemars(extend("x-min" = "10ms", "x-max" = "1h"))]
    cpu: TimeSpan = TimeSpan::seconds(2);
    /// Wall time of one call, waiting included.
    #[schemars(extend("x-min" = "10ms", "x-max" = "1h"))]
    wall: TimeSpan = TimeSpan::seconds(30);
    /// What one call may answer, and what it may hand over in one call of the host, before it is decoded.
    #[schemars(extend("x-min" = "64 KiB", "x-max" = "256 MiB"))]
    output: ByteSize = ByteSize::mib(8);
    /// Streams, requests and other things of the host that one call may hold at the same time.
    #[schemars(range(min = 16, max = 100_000))]
    resources: u32 = 1_000;
    /// Calls that run at the same time.
    #[schemars(range(min = 1, max = 256))]
    concurrency: u32 = 4;
    /// Calls that may wait for their turn. One more is refused.
    #[schemars(range(min = 0, max = 65_536))]
    queue: u32 = 64;
    /// Time for an outgoing HTTP connection to stand: name lookup, TCP and TLS together.
    #[schemars(extend("x-min" = "100ms", "x-max" = "10m"))]
    http_connect: TimeSpan = TimeSpan::seconds(10);
    /// Time for an outgoing HTTP request, from its start to the last byte of the answer.
    #[schemars(extend("x-min" = "100ms", "x-max" = "1h"))]
    http_total: TimeSpan = TimeSpan::seconds(60);
    /// The body of an answer to an outgoing HTTP request.
    #[schemars(extend("x-min" = "1 KiB", "x-max" = "4 GiB"))]
    http_body: ByteSize = ByteSize::mib(16);
    /// The body of an outgoing HTTP request.
    #[schemars(extend("x-min" = "1 KiB", "x-max" = "4 GiB"))]
    http_request_body: ByteSize = ByteSize::mib(1);
    /// Outgoing HTTP requests in one call.
    #[schemars(range(min = 1, max = 1_000_000))]
    http_requests_per_call: u32 = 2_000;
    /// One value in the plugin's key-value store.
    #[schemars(extend("x-min" = "1 B", "x-max" = "64 MiB"))]
    kv_value: ByteSize = ByteSize::mib(1);
    /// All keys and values in the plugin's key-value store.
    #[schemars(extend("x-min" = "1 KiB", "x-max" = "1 TiB"))]
    kv_total: ByteSize = ByteSize::mib(64);
    /// Keys in the plugin's key-value store.
    #[schemars(range(min = 1, max = 100_000_000))]
    kv_keys: u32 = 100_000;
    /// Writes to the key-value store in one call.
    #[schemars(range(min = 1, max = 1_000_000))]
    kv_writes_per_call: u32 = 10_000;
    /// Log lines in a minute. More are counted and dropped.
    #[schemars(range(min = 1, max = 1_000_000))]
    log_lines_per_minute: u32 = 1_000;
    /// One log line. Longer ones are cut.
    #[schemars(extend("x-min" = "64 B", "x-max" = "1 MiB"))]
    log_line: ByteSize = ByteSize::kib(8);
}
