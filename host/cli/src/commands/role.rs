//! `waystation role` and `waystation auth`

use std::collections::BTreeMap;

use serde_json::{Value, json};
use waystation_core::access::Grant;
use waystation_server::api::roles::{Explained, RoleList, RoleView};

use crate::args::{Auth, Global, Role};
use crate::client::Client;
use crate::exit::{Exit, Failure, Outcome};
use crate::{files, output};

/// The most bytes of a file with grants.
const MAX_FILE: usize = 1 << 20;

pub(crate) async fn run(global: &Global, command: &Role) -> Outcome {
    let client = Client::new(global)?;
    match command {
        Role::List => {
            let list: RoleList = client.get(&["roles"], &[]).await?;
            if global.json {
                return Ok(output::json(&list)?);
            }
            let rows = list.roles.into_iter().map(|role| {
                let kind = if role.built_in { "built in" } else { "" };
                [role.name, kind.to_owned(), role.about]
            });
            output::table(["ROLE", "", "WHAT FOR"], rows);
            Ok(())
        }
        Role::Show { name } => {
            let list: RoleList = client.get(&["roles"], &[]).await?;
            let role = list.roles.into_iter().find(|role| role.name == *name);
            let missing = || Failure::new(Exit::NotFound, format!("there is no role `{name}`"));
            show(global, &role.ok_or_else(missing)?)
        }
        Role::Put { name, about, allow, on, file } => {
            let grants = match file {
                Some(file) => serde_json::from_str(&files::text(file, MAX_FILE)?)?,
                None => json!([grant(allow, on)?]),
            };
            let body = json!({ "about": about, "grants": grants });
            show(global, &client.put(&["roles", name], &body).await?)
        }
        Role::Remove { name } => client.delete(&["roles", name]).await,
    }
}

/// What is allowed, on what: as it is written on the command line.
pub(crate) fn grant(allow: &[String], on: &[String]) -> Result<Value, Failure> {
    let mut selector: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in on {
        let bad = || {
            let message =
                format!("{one:?} selects nothing; write machine=, tag=, item= or scope= and a name");
            Failure::new(Exit::Usage, message)
        };
        let (attribute, name) = one.split_once('=').ok_or_else(bad)?;
        selector.entry(attribute).or_default().push(name);
    }
    Ok(json!({ "actions": allow, "on": selector }))
}

/// Grants as people read them.
pub(crate) fn told(grants: &[Grant]) -> Vec<String> {
    let one = |grant: &Grant| {
        let actions: Vec<String> = grant.actions().iter().map(ToString::to_string).collect();
        format!("{}{}", actions.join(" "), grant.on())
    };
    grants.iter().map(one).collect()
}

fn show(global: &Global, role: &RoleView) -> Outcome {
    if global.json {
        return Ok(output::json(role)?);
    }
    output::line(format!("{}: {}", role.name, role.about));
    told(&role.grants).iter().for_each(|grant| output::line(format!("  {grant}")));
    Ok(())
}

/// `waystation auth`
pub(crate) async fn auth(global: &Global, command: &Auth) -> Outcome {
    let client = Client::new(global)?;
    let Auth::Explain { user, action, target } = command;
    let query = [("user", user.as_str()), ("action", action.as_str()), ("target", target.as_str())];
    let told: Explained = client.get(&["access", "explain"], &query).await?;
    if global.json {
        return Ok(output::json(&told)?);
    }
    output::line(&told.explanation);
    Ok(())
}
