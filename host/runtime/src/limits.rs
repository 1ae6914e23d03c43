//! Every bound that a plugin runs under, in one place.
//!
//! Defaults are those of the documentation (`docs/reference/limits`). An operator
//! changes them for all plugins or for one; what a manifest wishes for is used
//! where the operator said nothing, and never above the ceiling.

use std::time::Duration;

use waystation_egress::HttpLimits;

/// The bounds of one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes over all linear memories and tables of one call.
    pub memory: usize,
    /// Processor time of one call.
    pub cpu: Duration,
    /// Wall time of one call, waiting included.
    pub wall: Duration,
    /// Bytes that cross from the guest to the host in one host call or result,
    /// counted before they are decoded.
    pub transfer: usize,
    /// Host-side resources (streams, requests, …) alive in one call.
    pub resources: usize,
    /// Calls of this plugin that run at the same moment.
    pub concurrency: usize,
    /// Calls that may wait for their turn; one more is refused.
    pub queue: usize,
    /// Bytes of one log line; longer ones are cut.
    pub log_line: usize,
    /// Log lines per minute; more are counted and dropped.
    pub log_lines_per_minute: u32,
    /// Bytes of one value in the plugin's store.
    pub kv_value: usize,
    /// Bytes of all keys and values in the plugin's store.
    pub kv_total: u64,
    /// Keys in the plugin's store.
    pub kv_keys: u64,
    /// Writes to the plugin's store in one call.
    pub kv_writes_per_call: u32,
    /// Outgoing HTTP.
    pub http: HttpLimits,
    /// Outgoing HTTP requests in one call.
    pub http_requests_per_call: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            cpu: Duration::from_secs(2),
            wall: Duration::from_secs(30),
            transfer: 8 << 20,
            resources: 1_000,
            concurrency: 4,
            queue: 64,
            log_line: 8 << 10,
            log_lines_per_minute: 1_000,
            kv_value: 1 << 20,
            kv_total: 64 << 20,
            kv_keys: 100_000,
            kv_writes_per_call: 10_000,
            http: HttpLimits::default(),
            http_requests_per_call: 2_000,
        }
    }
}

/// What a manifest asks for where the default does not do. See [`Limits`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Bytes.
    pub memory: Option<usize>,
    /// Processor time of one call.
    pub cpu: Option<Duration>,
    /// Wall time of one call.
    pub wall: Option<Duration>,
}

/// The most that a wish can reach; an operator's own word can go beyond, up to
/// what the engine reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceiling {
    /// Bytes.
    pub memory: usize,
    /// Processor time of one call.
    pub cpu: Duration,
    /// Wall time of one call.
    pub wall: Duration,
}

impl Default for Ceiling {
    fn default() -> Self {
        Self { memory: 256 << 20, cpu: Duration::from_secs(60), wall: Duration::from_secs(300) }
    }
}

impl Limits {
    /// These limits with the manifest's wishes applied under `ceiling`. A wish
    /// never lowers a limit.
    #[must_use]
    pub fn with_wishes(mut self, wishes: &Wishes, ceiling: &Ceiling) -> Self {
        if let Some(memory) = wishes.memory {
            self.memory = self.memory.max(memory.min(ceiling.memory));
        }
        if let Some(cpu) = wishes.cpu {
            self.cpu = self.cpu.max(cpu.min(ceiling.cpu));
        }
        if let Some(wall) = wishes.wall {
            self.wall = self.wall.max(wall.min(ceiling.wall));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_raises_up_to_the_ceiling_and_never_lowers() {
        let ceiling = Ceiling { memory: 128 << 20, ..Ceiling::default() };
        let wishes = Wishes {
            memory: Some(1 << 30),
            cpu: Some(Duration::from_secs(20)),
            wall: Some(Duration::from_secs(1)),
        };
        let limits = Limits::default().with_wishes(&wishes, &ceiling);
        assert_eq!(limits.memory, 128 << 20);
        assert_eq!(limits.cpu, Duration::from_secs(20));
        assert_eq!(limits.wall, Limits::default().wall);
    }
}
