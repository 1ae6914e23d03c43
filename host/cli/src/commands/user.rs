//! `waystation user`

use http::Method;
use serde_json::json;
use waystation_core::name::InvalidName;
use waystation_server::api::identities::{IdentityList, IdentityView};
use waystation_server::api::users::{AddedUser, PasswordLink, UserPage, UserView};

use crate::args::{Global, User};
use crate::client::Client;
use crate::exit::{Exit, Failure, Outcome};
use crate::{config, output};

pub(crate) async fn run(global: &Global, command: &User) -> Outcome {
    let client = || Client::new(global);
    match command {
        User::List => list(global, &client()?).await,
        User::Show { name } => {
            let client = client()?;
            let user: UserView = client.get(&["users", name], &[]).await?;
            let list: IdentityList = client.get(&["users", name, "identities"], &[]).await?;
            if global.json {
                let mut value = serde_json::to_value(&user)?;
                if let (Some(value), Ok(list)) =
                    (value.as_object_mut(), serde_json::to_value(&list.identities))
                {
                    value.insert("identities".to_owned(), list);
                }
                return Ok(output::json(&value)?);
            }
            show(global, &user)?;
            list.identities.iter().for_each(identity);
            Ok(())
        }
        User::Bind { name, provider, subject } => {
            let body = json!({ "provider": provider, "subject": subject });
            let bound: IdentityView = client()?.post(&["users", name, "identities"], &body).await?;
            if global.json {
                return Ok(output::json(&bound)?);
            }
            output::note(format!("{name} logs in at {provider} as {subject}"));
            Ok(())
        }
        User::Unbind { name, provider, subject } => {
            let client = client()?;
            let list: IdentityList = client.get(&["users", name, "identities"], &[]).await?;
            let one = pick(&list, provider, subject.as_deref())?;
            client.delete(&["users", name, "identities", &one.id]).await?;
            output::note(format!("{name} does not log in at {provider} as {} any more", one.subject));
            Ok(())
        }
        User::Add { name, roles, service } => {
            let (client, body) = (client()?, json!({ "name": name, "roles": roles, "service": service }));
            let added: AddedUser = client.post(&["users"], &body).await?;
            if global.json {
                return Ok(output::json(&added)?);
            }
            output::note(format!("added {name}"));
            added.password_link.as_ref().map_or(Ok(()), |link| give(global, &client, link))
        }
        User::Assign { name, roles } => {
            let body = json!({ "roles": roles });
            show(global, &client()?.put(&["users", name, "roles"], &body).await?)
        }
        User::Link { name } => {
            let client = client()?;
            let link = client.post(&["users", name, "password-link"], &json!({})).await?;
            give(global, &client, &link)
        }
        User::Rescue { name, without_second_factor } => rescue(global, name, *without_second_factor).await,
        User::Lock { name } => show(global, &client()?.post(&["users", name, "lock"], &json!({})).await?),
        User::Unlock { name } => show(global, &client()?.post(&["users", name, "unlock"], &json!({})).await?),
        User::Logout { name } => client()?.done(Method::POST, &["users", name, "logout"], None).await,
        User::Remove { name } => client()?.delete(&["users", name]).await,
    }
}

/// Without a host that runs: who has its files could do as much.
async fn rescue(global: &Global, name: &str, factor_off: bool) -> Outcome {
    let config = config::load(global)?;
    let name =
        name.parse().map_err(|e: InvalidName| Failure::new(Exit::Usage, e.to_string()).code(e.code()))?;
    let made = waystation_server::rescue(&config, name, factor_off).await.map_err(|e| {
        let failure = Failure::new(Exit::Failed, e.to_string()).code(e.code());
        match e.code() {
            "database-locked-by-other-host" => failure.hint("stop the host, do this, and start it again"),
            _ => failure,
        }
    })?;
    let rescued = made.map_err(|e| Failure::new(Exit::NotFound, e.to_string()).code(e.code()))?;
    if global.json {
        return Ok(output::json(&json!({ "link_file": rescued.file, "expires_at": rescued.expires_at }))?);
    }
    output::note(format!(
        "Unlocked. A link to choose a password, once, until {}, is in:",
        rescued.expires_at
    ));
    output::line(rescued.file.display().to_string());
    output::note(format!(
        "Start the host, then here: waystation welcome --link-file {}",
        rescued.file.display()
    ));
    Ok(())
}

/// A link is an answer, to be handed on; standard output holds nothing else.
fn give(global: &Global, client: &Client, link: &PasswordLink) -> Outcome {
    if global.json {
        return Ok(output::json(link)?);
    }
    output::note(format!("Hand this on to them and nobody else. It works once, until {}:", link.expires_at));
    output::line(client.address(&format!("/welcome#{}", link.link)));
    Ok(())
}

fn show(global: &Global, user: &UserView) -> Outcome {
    if global.json {
        return Ok(output::json(user)?);
    }
    output::line(format!("{}: {}, {}", user.name, roles(user), state(user)));
    Ok(())
}

/// Who somebody is at a provider.
pub(super) fn identity(identity: &IdentityView) {
    let joined = if identity.joined { ", and became a user so" } else { "" };
    output::line(format!("logs in at {} as {}{joined}", identity.provider, identity.subject));
}

/// The one that is meant.
fn pick<'a>(
    list: &'a IdentityList,
    provider: &str,
    subject: Option<&str>,
) -> Result<&'a IdentityView, Failure> {
    let mut fit = list
        .identities
        .iter()
        .filter(|one| one.provider == provider && subject.is_none_or(|subject| one.subject == subject));
    match (fit.next(), fit.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => {
            let message = "this user has no such identity";
            Err(Failure::new(Exit::NotFound, message).code("no-such-identity"))
        }
        (Some(_), Some(_)) => {
            let message = format!("this user logs in at {provider} as several");
            Err(Failure::new(Exit::Usage, message)
                .code("several-identities")
                .hint("say which with --subject"))
        }
    }
}

fn roles(user: &UserView) -> String {
    if user.roles.is_empty() { "no role".to_owned() } else { user.roles.join(" ") }
}

fn state(user: &UserView) -> &'static str {
    match (user.locked_at, user.service, user.password, user.second_factor) {
        (Some(_), ..) => "locked out",
        (_, true, ..) => "service",
        (_, _, false, _) if user.identities > 0 => "logs in at a provider",
        (_, _, false, _) => "no password yet",
        (_, _, _, true) => "with a second factor",
        _ => "with a password",
    }
}

async fn list(global: &Global, client: &Client) -> Outcome {
    let mut users: Vec<UserView> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let query: Vec<_> = after.iter().map(|name| ("after", name.as_str())).collect();
        let page: UserPage = client.get(&["users"], &query).await?;
        users.extend(page.users);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if global.json {
        return Ok(output::json(&json!({ "users": users }))?);
    }
    let rows = users.iter().map(|user| [user.name.clone(), roles(user), state(user).to_owned()]);
    output::table(["USER", "ROLES", "STATE"], rows);
    Ok(())
}
