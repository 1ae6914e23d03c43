//! Events for ever: connects again whenever the stream ends.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::backoff::Backoff;
use crate::client::Client;
use crate::error::Error;
use crate::events::Event;

const AGAIN: Backoff = Backoff { first: Duration::from_millis(250), longest: Duration::from_secs(10) };

/// Between two tries where the host has no streams.
const SELDOM: Duration = Duration::from_secs(60);

/// What comes of following.
#[derive(Debug)]
pub enum Update {
    /// The stream is there. All that is comes first, up to [`Event::Ready`].
    Up,
    /// The host told something.
    Event(Event),
    /// The stream is not there; it is tried again by itself. Whoever needs to know polls meanwhile.
    Down(Error),
}

/// Follows the host's events until it is dropped.
#[derive(Debug)]
pub struct Follower {
    updates: mpsc::Receiver<Update>,
    task: JoinHandle<()>,
}

impl Follower {
    /// Begins.
    #[must_use]
    pub fn start(client: Client) -> Self {
        let (sender, updates) = mpsc::channel(64);
        Self { updates, task: tokio::spawn(run(client, sender)) }
    }

    /// The next update. Nothing is lost when this is not waited for to its end.
    pub async fn next(&mut self) -> Update {
        match self.updates.recv().await {
            Some(update) => update,
            // The task ends with its runtime only.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(client: Client, updates: mpsc::Sender<Update>) {
    let mut failures = 0;
    loop {
        let error = match client.events().await {
            Ok(mut events) => {
                if updates.send(Update::Up).await.is_err() {
                    return;
                }
                loop {
                    match events.next().await {
                        Ok(Some(event)) => {
                            failures = 0;
                            if updates.send(Update::Event(event)).await.is_err() {
                                return;
                            }
                        }
                        Ok(None) => break Error::Network("the host closed the stream".into()),
                        Err(e) => break e,
                    }
                }
            }
            Err(e) => e,
        };
        failures += 1;
        let wait = pause(&error, failures, rand::random());
        if updates.send(Update::Down(error)).await.is_err() {
            return;
        }
        tokio::time::sleep(wait).await;
    }
}

fn pause(error: &Error, failures: u32, random: f64) -> Duration {
    match error {
        Error::Refused { status: 429, retry_after, .. } => {
            AGAIN.after(failures, random).max(retry_after.unwrap_or_default())
        }
        Error::Refused { status: 400..=499, .. } => SELDOM.mul_f64(1.0 - random / 2.0),
        _ => AGAIN.after(failures, random),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_has_no_streams_is_asked_seldom() {
        let wait = Duration::from_secs(1);
        let refused = |status| Error::Refused { status, message: String::new(), retry_after: Some(wait) };
        assert_eq!(pause(&refused(404), 1, 0.0), SELDOM);
        assert_eq!(pause(&refused(429), 1, 0.0), wait, "as the host says");
        assert_eq!(pause(&refused(503), 1, 0.0), AGAIN.first);
        assert_eq!(pause(&Error::Timeout, 30, 0.0), AGAIN.longest);
    }
}
