//! Waiting for something to become true, within bounds.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The longest that a test waits for one thing, on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until there is something to see.
///
/// # Errors
/// Those of `look`; and when [`PATIENCE`] ends, with `what` in it.
pub async fn until<T>(what: &str, look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    until_within(PATIENCE, what, look).await
}

/// As [`until`], with patience for something slow.
///
/// # Errors
/// As [`until`].
pub async fn until_within<T>(
    patience: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let since = Instant::now();
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        if since.elapsed() > patience {
            bail!("waited for {patience:?} in vain: {what}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}
