//! Keeps an instance, as [`super::machine`] says.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::machine::{Cooling, InstanceState, Machine, Step};
use crate::client::Client;
use crate::error::Error;
use crate::model::{ApprovalState, IssuedTicket, Transport};

/// What is offered, and how.
#[derive(Debug, Clone)]
pub struct InstanceOptions {
    /// The capability, such as `shell:connect`.
    pub scope: String,
    /// How the instance is reached.
    pub transport: Transport,
    /// Between two heartbeats. The host takes an instance for stale after five minutes of silence.
    pub heartbeat: Duration,
    /// Between two tickets for one target.
    pub cooldown: Duration,
}

impl InstanceOptions {
    /// A heartbeat a minute, and a ticket for one target every two minutes.
    #[must_use]
    pub fn new(scope: impl Into<String>, transport: Transport) -> Self {
        let (heartbeat, cooldown) = (Duration::from_secs(60), Duration::from_secs(120));
        Self { scope: scope.into(), transport, heartbeat, cooldown }
    }
}

/// Registers an instance and keeps it alive, until it is stopped or dropped: registered again where the host lost it, and
/// tried until it works where it does not at first.
#[derive(Debug)]
pub struct InstanceManager {
    client: Client,
    scope: String,
    state: watch::Receiver<InstanceState>,
    stop: watch::Sender<bool>,
    cooling: Arc<Mutex<Cooling>>,
    task: JoinHandle<()>,
}

impl InstanceManager {
    /// Begins.
    #[must_use]
    pub fn start(client: Client, options: InstanceOptions) -> Self {
        let machine = Machine::new(options.heartbeat, Instant::now());
        let (told, state) = watch::channel(machine.state().clone());
        let (stop, stopped) = watch::channel(false);
        let cooling = Arc::new(Mutex::new(Cooling::new(options.cooldown)));
        let scope = options.scope.clone();
        let task = tokio::spawn(keep(client.clone(), options, machine, told, stopped));
        Self { client, scope, state, stop, cooling, task }
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> InstanceState {
        self.state.borrow().clone()
    }

    /// Tells each change of [`Self::state`].
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<InstanceState> {
        self.state.clone()
    }

    /// Waits until it is registered; its id.
    ///
    /// # Errors
    /// [`Error::NotReady`] when it was stopped instead.
    pub async fn ready(&self) -> Result<String, Error> {
        let mut state = self.state.clone();
        let ready = state.wait_for(|state| !matches!(state, InstanceState::Registering { .. })).await;
        match ready.as_deref() {
            Ok(InstanceState::Ready { instance }) => Ok(instance.clone()),
            _ => Err(Error::NotReady),
        }
    }

    /// Asks for a ticket that admits `target`. With `force` also where one was asked for a moment ago; never before the
    /// host's own `Retry-After` is over.
    ///
    /// # Errors
    /// [`Error::CoolingDown`], [`Error::NotReady`], and those of [`Client::request_ticket`]: where people have to approve it,
    /// [`Error::Waiting`].
    pub async fn request_ticket(&self, target: &str, force: bool) -> Result<IssuedTicket, Error> {
        let InstanceState::Ready { instance } = self.state() else { return Err(Error::NotReady) };
        let cooling = || self.cooling.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = cooling().left(target, force, Instant::now()) {
            return Err(Error::CoolingDown { left });
        }
        let told = self.client.request_ticket(&self.scope, &instance, target).await;
        cooling().asked(target, told.as_ref().map(drop), Instant::now());
        told
    }

    /// The same, and where people have to approve it, waits for them, at most for `within`, and asks again then.
    ///
    /// # Errors
    /// As [`Self::request_ticket`]; [`Error::Waiting`] where they did not decide until then, [`Error::NotApproved`] where they
    /// said no, or nothing in their time.
    pub async fn request_ticket_when_approved(
        &self,
        target: &str,
        within: Duration,
    ) -> Result<IssuedTicket, Error> {
        let end = Instant::now() + within;
        loop {
            let waiting = match self.request_ticket(target, false).await {
                Err(Error::Waiting(approval)) => *approval,
                other => return other,
            };
            let left = end.saturating_duration_since(Instant::now());
            let told = self.client.decided(waiting, left).await?;
            if told.state == ApprovalState::Waiting {
                return Err(Error::Waiting(Box::new(told)));
            }
        }
    }

    /// Stops keeping it. The host keeps the instance, its assignments and the sessions of others for a while (an hour,
    /// unless configured otherwise): the next start goes on with it.
    pub async fn leave(mut self) {
        self.end().await;
    }

    /// Stops, and takes the instance back: its sessions end, and an operator has to assign everybody anew.
    ///
    /// # Errors
    /// Those of [`Client::deregister_instance`].
    pub async fn deregister(mut self) -> Result<(), Error> {
        let state = self.state();
        self.end().await;
        match state {
            InstanceState::Ready { instance } => self.client.deregister_instance(&instance).await,
            _ => Ok(()),
        }
    }

    async fn end(&mut self) {
        let _ = self.stop.send(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for InstanceManager {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(
    client: Client,
    options: InstanceOptions,
    mut machine: Machine,
    told: watch::Sender<InstanceState>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let work = async {
            match machine.step(Instant::now()) {
                Step::Done => {}
                Step::Wait(until) => tokio::time::sleep_until(until).await,
                Step::Register => {
                    let registered = client.register_instance(&options.scope, &options.transport).await;
                    machine.registered(registered, Instant::now(), rand::random());
                }
                Step::Heartbeat(instance) => {
                    let beaten = client.instance_heartbeat(&instance).await;
                    machine.beaten(beaten, Instant::now(), rand::random());
                }
            }
        };
        let stopped = tokio::select! {
            () = work => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        if stopped {
            machine.stop();
        }
        told.send_if_modified(|state| {
            let new = state != machine.state();
            state.clone_from(machine.state());
            new
        });
        if stopped {
            return;
        }
    }
}
