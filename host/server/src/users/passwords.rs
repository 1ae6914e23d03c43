//! Who checks passwords: a few at a time, since each takes much memory, and away from those who answer others.

use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::Semaphore;
use waystation_identity::{Cost, IdentityError, NewPassword, PasswordHash, Verdict, verify};

/// How many may wait for each that is checked.
const WAITING: usize = 16;

/// See the module.
pub(crate) struct Passwords {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new(at_once: u32) -> Self {
        let at_once = at_once.max(1) as usize;
        Self {
            running: Arc::new(Semaphore::new(at_once)),
            waiting: Arc::new(Semaphore::new(at_once * (WAITING + 1))),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, IdentityError> + Send + 'static,
    ) -> Result<T, IdentityError> {
        // Who finds the queue full is told so at once.
        let _place = self.waiting.try_acquire().map_err(|_| IdentityError::Memory)?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|_| IdentityError::Memory)?;
        let done = tokio::task::spawn_blocking(move || {
            // Held until it is done, also when nobody waits for it any more.
            let _turn = turn;
            work()
        });
        done.await.map_err(|_| IdentityError::Memory)?
    }

    /// What to keep of a password that somebody chooses, in PHC form.
    ///
    /// # Errors
    /// When it is too short or too long, or there is no room to compute it now.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, IdentityError> {
        let password = NewPassword::new(password)?;
        self.run(move || password.hash(&rand::random(), Cost::DEFAULT).map(|hash| hash.to_phc())).await
    }

    /// Whether a password is the one that was kept; nothing is kept of whom there is not.
    ///
    /// # Errors
    /// When there is no room to compute it now, or what was kept cannot be read.
    pub(crate) async fn verify(
        &self,
        presented: SecretString,
        kept: Option<String>,
    ) -> Result<Verdict, IdentityError> {
        let kept = kept.map(|kept| kept.parse::<PasswordHash>()).transpose()?;
        self.run(move || verify(&presented, kept.as_ref(), Cost::DEFAULT)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_few_at_a_time_and_no_endless_queue() {
        let passwords = Arc::new(Passwords::new(1));
        let kept = passwords.hash("correct horse".to_owned().into()).await.unwrap();
        let right = passwords.verify("correct horse".to_owned().into(), Some(kept.clone())).await;
        assert_eq!(right, Ok(Verdict::Right { rehash: false }));
        assert_eq!(passwords.verify("wrong".to_owned().into(), None).await, Ok(Verdict::Wrong));
        let turn = Arc::clone(&passwords.running).acquire_owned().await.unwrap();
        let one = || {
            let (passwords, kept) = (Arc::clone(&passwords), kept.clone());
            tokio::spawn(async move { passwords.verify("x".to_owned().into(), Some(kept)).await })
        };
        let waiting: Vec<_> = (0..=WAITING).map(|_| one()).collect();
        while passwords.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = passwords.verify("x".to_owned().into(), None).await;
        assert_eq!(refused, Err(IdentityError::Memory));
        drop(turn);
        for one in waiting {
            assert_eq!(one.await.unwrap(), Ok(Verdict::Wrong));
        }
    }
}
