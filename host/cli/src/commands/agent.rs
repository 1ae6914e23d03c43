//! `waystation agent`

use std::path::Path;

use serde_json::json;
use waystation_server::api::agents::{AgentPage, Enrolled, EnrolledAgent, NewCertificate, RevokedAgents};

use crate::args::{Agent, Global};
use crate::client::Client;
use crate::commands::invite;
use crate::exit::{Failure, Outcome};
use crate::{files, output};

/// The most bytes of a certificate request that is sent; the host takes fewer.
const MAX_CSR: usize = 64 << 10;

pub(crate) async fn run(global: &Global, command: &Agent) -> Outcome {
    let client = Client::new(global)?;
    match command {
        Agent::List => list(global, &client).await,
        Agent::Enrol { label, csr, capabilities, output } => {
            let csr = csr.as_deref().map(request).transpose()?;
            let body = json!({ "label": label, "capabilities": capabilities, "csr": csr });
            let enrolled: Enrolled = client.post(&["agents"], &body).await?;
            if let Some(issued) = &enrolled.issued {
                write(issued, output.as_deref())?;
            }
            tell(global, &enrolled, &enrolled.agent)?;
            certificate(global, enrolled.issued.as_ref(), output.as_deref());
            Ok(())
        }
        Agent::Allow { label, capabilities } => {
            let body = json!({ "capabilities": capabilities });
            let agent: EnrolledAgent = client.patch(&["agents", label], &body).await?;
            tell(global, &agent, &agent)
        }
        Agent::Certify { label, csr, output } => {
            let body = json!({ "csr": request(csr)? });
            let issued: NewCertificate = client.post(&["agents", label, "certificates"], &body).await?;
            write(&issued, output.as_deref())?;
            if global.json {
                return Ok(output::json(&issued)?);
            }
            certificate(global, Some(&issued), output.as_deref());
            Ok(())
        }
        Agent::Invite(wanted) => invite::invite(global, &client, wanted).await,
        Agent::Invites => invite::invites(global, &client).await,
        Agent::Uninvite { id } => invite::uninvite(global, &client, id).await,
        Agent::Pending => invite::pending(global, &client).await,
        Agent::Approve { id } => invite::settle(global, &client, id, "approve").await,
        Agent::Reject { id } => invite::settle(global, &client, id, "reject").await,
        Agent::Revoke { label } => {
            let gone: RevokedAgents = client.delete_for(&["agents", label]).await?;
            if global.json {
                return Ok(output::json(&gone)?);
            }
            gone.revoked.iter().for_each(|label| output::line(format!("revoked {label}")));
            output::note(format!("{} sessions ended", gone.sessions));
            Ok(())
        }
    }
}

fn request(file: &Path) -> Result<String, Failure> {
    files::text(file, MAX_CSR)
}

fn write(issued: &NewCertificate, file: Option<&Path>) -> Outcome {
    file.map_or(Ok(()), |file| files::replace(file, issued.certificate.as_bytes()))
}

async fn list(global: &Global, client: &Client) -> Outcome {
    let mut agents: Vec<EnrolledAgent> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let query: Vec<_> = after.iter().map(|label| ("after", label.as_str())).collect();
        let page: AgentPage = client.get(&["agents"], &query).await?;
        agents.extend(page.agents);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if global.json {
        return Ok(output::json(&json!({ "agents": agents }))?);
    }
    let rows = agents.into_iter().map(|agent| {
        let state = if agent.revoked_at.is_some() { "revoked" } else { "enrolled" };
        [agent.label, state.to_owned(), agent.capabilities.join(" ")]
    });
    output::table(["AGENT", "STATE", "CAPABILITIES"], rows);
    Ok(())
}

fn tell(global: &Global, all: &impl serde::Serialize, agent: &EnrolledAgent) -> Outcome {
    if global.json {
        return Ok(output::json(all)?);
    }
    let can = match agent.capabilities.as_slice() {
        [] => "nothing".to_owned(),
        some => some.join(" "),
    };
    output::line(format!("{} may do {can}", agent.label));
    Ok(())
}

/// Where the certificate is: in its file, or printed.
fn certificate(global: &Global, issued: Option<&NewCertificate>, file: Option<&Path>) {
    let (Some(issued), false) = (issued, global.json) else { return };
    match file {
        Some(file) => output::note(format!(
            "the certificate {} is in {}, valid until {}",
            issued.serial,
            file.display(),
            issued.expires
        )),
        None => output::line(issued.certificate.trim_end()),
    }
}
