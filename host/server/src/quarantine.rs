//! Quarantines across restarts: what is kept of one, and for whom it counts.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use waystation_core::time::later;
use waystation_runtime::breaker::Rest;

/// A quarantine as the database holds it. It counts for one component on one build
/// of the host: an upgrade of either lifts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    digest: String,
    build: String,
    until: Timestamp,
    failures: u32,
    opened: u32,
}

/// What to keep of `rest`, which began at `now`.
pub(crate) fn keep(rest: Rest, digest: &str, build: &str, now: Timestamp) -> Option<Value> {
    let kept = Kept {
        digest: digest.to_owned(),
        build: build.to_owned(),
        until: later(now, rest.left),
        failures: rest.failures,
        opened: rest.opened,
    };
    serde_json::to_value(kept).ok()
}

/// What is left at `now` of what was kept, for this component on this build. What
/// does not read counts as nothing.
pub(crate) fn left(kept: &Value, digest: &str, build: &str, now: Timestamp) -> Option<Rest> {
    let kept = Kept::deserialize(kept).ok()?;
    (kept.digest == digest && kept.build == build).then(|| Rest {
        left: Duration::try_from(kept.until.duration_since(now)).unwrap_or(Duration::ZERO),
        failures: kept.failures,
        opened: kept.opened,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarantine_counts_for_one_component_on_one_build() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let rest = Rest { left: Duration::from_secs(60), failures: 5, opened: 2 };
        let kept = keep(rest, "sha256:a", "b1", at(100)).unwrap();
        assert_eq!(left(&kept, "sha256:a", "b1", at(100)), Some(rest));
        let after = |seconds| left(&kept, "sha256:a", "b1", at(seconds)).map(|rest| rest.left.as_secs());
        assert_eq!((after(140), after(160), after(9_999)), (Some(20), Some(0), Some(0)));
        assert_eq!(left(&kept, "sha256:a", "b2", at(100)), None);
        assert_eq!(left(&kept, "sha256:b", "b1", at(100)), None);
        for damaged in [Value::Null, serde_json::json!({ "digest": "sha256:a", "build": "b1" })] {
            assert_eq!(left(&damaged, "sha256:a", "b1", at(100)), None);
        }
    }
}
