//! `waystation account`

use http::Method;
use serde_json::json;
use waystation_server::api::account::{LoginList, Me, RecoveryCodes, SecondFactor};
use waystation_server::api::devices::WaitingDevice;
use waystation_server::api::identities::IdentityList;

use crate::args::{Account, Global};
use crate::client::Client;
use crate::exit::Outcome;
use crate::{output, prompt};

pub(crate) async fn run(global: &Global, command: &Account) -> Outcome {
    let client = Client::new(global)?;
    match command {
        Account::Show => {
            let me: Me = client.get(&["auth", "me"], &[]).await?;
            let list: IdentityList = client.get(&["auth", "identities"], &[]).await?;
            if global.json {
                let mut value = serde_json::to_value(&me)?;
                if let (Some(value), Ok(list)) =
                    (value.as_object_mut(), serde_json::to_value(&list.identities))
                {
                    value.insert("identities".to_owned(), list);
                }
                return Ok(output::json(&value)?);
            }
            let with = me.token.map(|token| format!(", with the token {token}")).unwrap_or_default();
            let roles = if me.roles.is_empty() { "no role".to_owned() } else { me.roles.join(" ") };
            output::line(format!("{}{with}: {roles}", me.name));
            list.identities.iter().for_each(super::user::identity);
            Ok(())
        }
        Account::Password => {
            let current = prompt::secret("Password until now", false)?;
            let body = json!({ "current": current, "new": prompt::new_password(false)? });
            client.done(Method::PUT, &["auth", "password"], Some(&body)).await?;
            output::note("changed; your other logins have ended");
            Ok(())
        }
        Account::SecondFactor { off: false } => second_factor(&client).await,
        Account::SecondFactor { off: true } => {
            let password = prompt::secret("Password", false)?;
            let code = prompt::secret("Code of your app, or a recovery code", false)?;
            let body = json!({ "password": password, "code": code });
            client.done(Method::POST, &["auth", "second-factor", "off"], Some(&body)).await?;
            output::note("no second factor is asked for any more");
            Ok(())
        }
        Account::Logins => {
            let list: LoginList = client.get(&["auth", "logins"], &[]).await?;
            if global.json {
                return Ok(output::json(&list)?);
            }
            let rows = list.logins.into_iter().map(|login| {
                let id = if login.current { format!("{} (this one)", login.id) } else { login.id };
                let place = login.address.unwrap_or_default();
                [id, login.method, place, login.client.unwrap_or_default(), login.started_at.to_string()]
            });
            output::table(["LOGIN", "BY", "FROM", "WITH", "SINCE"], rows);
            Ok(())
        }
        Account::EndLogin { id } => client.delete(&["auth", "logins", id]).await,
        Account::LetIn { code, deny, yes } => {
            let asks: WaitingDevice = client.get(&["auth", "device"], &[("user_code", code)]).await?;
            let what = asks.client.as_deref().unwrap_or("a device that does not say what it is");
            let place = asks.address.as_deref().unwrap_or("an unknown address");
            output::note(format!("{what} asks to be let in as you, from {place}"));
            if !deny
                && !yes
                && !matches!(prompt::line("Is that you, now? [y/N]")?.as_str(), "y" | "Y" | "yes")
            {
                output::note("nothing was done; --deny keeps it out");
                return Ok(());
            }
            let body = json!({ "user_code": code, "approve": !deny });
            client.done(Method::POST, &["auth", "device", "decide"], Some(&body)).await?;
            let done = if *deny { "kept out" } else { "let in" };
            output::note(format!("{done}: {what}, from {place}"));
            Ok(())
        }
    }
}

async fn second_factor(client: &Client) -> Outcome {
    let body = json!({ "password": prompt::secret("Password", false)? });
    let factor: SecondFactor = client.post(&["auth", "second-factor"], &body).await?;
    output::note("Add this to your authenticator app:");
    output::note(format!("  {}", factor.uri));
    output::note(format!("or type: {}", factor.secret));
    let body = json!({ "code": prompt::line("The six digits that it shows")? });
    let codes: RecoveryCodes = client.post(&["auth", "second-factor", "confirm"], &body).await?;
    output::note(
        "From now on a code is asked for at each login. Keep these recovery codes; each works once:",
    );
    codes.recovery_codes.iter().for_each(output::line);
    Ok(())
}
