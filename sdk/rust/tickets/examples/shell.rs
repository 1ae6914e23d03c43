//! Both sides of an admission: `shell source LABEL` offers a shell and lets the agent of that label in; `shell target`
//! waits to be let in.
//!
//! `WAYSTATION_URL` is the host; `agent.pem`, `agent.key` and `authorities.pem` are in this folder.

use std::error::Error;

use waystation_tickets::{
    Client, Event, Follower, InstanceManager, InstanceOptions, SessionManager, SessionOptions, SessionState,
    Transport, Update,
};

const SCOPE: &str = "shell:connect";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::builder(std::env::var("WAYSTATION_URL")?)
        .identity(std::fs::read("agent.pem")?, std::fs::read("agent.key")?)
        .authorities(std::fs::read("authorities.pem")?)
        .build()?;
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["source", target] => source(client, target).await,
        ["target"] => target(client).await,
        _ => Err("say `source LABEL` or `target`".into()),
    }
}

async fn source(client: Client, target: &str) -> Result<(), Box<dyn Error>> {
    let instance = InstanceManager::start(client.clone(), InstanceOptions::new(SCOPE, Transport::relay()));
    println!("offered as {SCOPE}:{}; an operator assigns agents to it", instance.ready().await?);
    let ticket = instance.request_ticket(target, false).await?;
    println!("{target} may come until {}", ticket.expires_at);
    let mut follower = Follower::start(client);
    loop {
        tokio::select! {
            update = follower.next() => if let Update::Event(Event::Session(session)) = update {
                println!("{} is {:?} {}", session.target, session.status, session.reason.unwrap_or_default());
            },
            stop = tokio::signal::ctrl_c() => {
                stop?;
                instance.leave().await;
                return Ok(());
            }
        }
    }
}

async fn target(client: Client) -> Result<(), Box<dyn Error>> {
    let manager = SessionManager::start(client, SessionOptions::new(SCOPE));
    let mut changes = manager.changes();
    loop {
        tokio::select! {
            state = changes.next() => match state {
                Some(SessionState::Authorized(session)) => println!("{} let us in", session.source),
                Some(SessionState::Terminated { reason, .. }) => println!("over: {}", reason.unwrap_or_default()),
                Some(_) => {}
                None => return Ok(()),
            },
            stop = tokio::signal::ctrl_c() => {
                stop?;
                manager.stop().await;
                return Ok(());
            }
        }
    }
}
