//! `waystation welcome`, `waystation login` and `waystation logout`

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use waystation_server::LINK_FILE;
use waystation_server::api::devices::DeviceCodes;
use waystation_server::api::login::{LinkView, Tokens};
use waystation_server::api::oidc::{ProviderList, ProviderView};

use crate::args::{Global, Login, Welcome};
use crate::client::Client;
use crate::exit::{Exit, Failure, Outcome};
use crate::{config, files, output, prompt};

/// The most bytes of a file with a link.
const MAX_LINK: usize = 4_096;

/// Uses a link.
pub(crate) async fn welcome(global: &Global, welcome: &Welcome) -> Outcome {
    let client = Client::new(global)?;
    let link = link(global, welcome)?;
    let about: LinkView = client.post_open(&["auth", "link"], &json!({ "link": link })).await?;
    let mut body = json!({ "link": link });
    if about.purpose == "owner" {
        let name = match &welcome.name {
            Some(name) => name.clone(),
            None => prompt::line("What the owner is called")?,
        };
        output::note(format!("{name} becomes the owner of this host"));
        set(&mut body, "name", name.into());
    } else {
        output::note(format!("a new password for {}", about.name.as_deref().unwrap_or_default()));
    }
    set(&mut body, "password", prompt::new_password(welcome.password_stdin)?.into());
    let tokens: Tokens = client.post_open(&["auth", "link", "use"], &body).await?;
    logged_in(global, &client, &tokens).await
}

fn set(body: &mut Value, key: &str, value: Value) {
    if let Some(body) = body.as_object_mut() {
        body.insert(key.to_owned(), value);
    }
}

/// The end of a link: of the file that is named, of the host on this machine, or typed. Never an argument, where others
/// could read it.
fn link(global: &Global, welcome: &Welcome) -> Result<String, Failure> {
    let file = match &welcome.link_file {
        Some(file) => Some(file.clone()),
        None if global.url.is_none() => {
            let own = config::load(global)?.server.data_dir.join(LINK_FILE);
            own.exists().then_some(own)
        }
        None => None,
    };
    let text = match file {
        Some(file) => files::text(&file, MAX_LINK)?,
        None => prompt::secret("The link", false)?,
    };
    let text = text.trim();
    Ok(text.rsplit_once('#').map_or(text, |(_, end)| end).to_owned())
}

/// Logs in.
pub(crate) async fn run(global: &Global, login: &Login) -> Outcome {
    let client = Client::new(global)?;
    let provider = login.provider.as_deref();
    let tokens = match login.device || provider.is_some() {
        true => by_device(&client, provider).await?,
        false => by_password(&client, login).await?,
    };
    logged_in(global, &client, &tokens).await
}

async fn by_password(client: &Client, login: &Login) -> Result<Tokens, Failure> {
    let name = match &login.name {
        Some(name) => name.clone(),
        None => prompt::line("Name")?,
    };
    let password = prompt::secret("Password", login.password_stdin)?;
    let mut body = json!({ "name": name, "password": password });
    if let Some(code) = &login.code {
        set(&mut body, "code", code.as_str().into());
    }
    match client.post_open(&["auth", "login"], &body).await {
        Err(e) if e.code == "second-factor" && login.code.is_none() && !login.password_stdin => {
            set(&mut body, "code", prompt::secret("Code of your app, or a recovery code", false)?.into());
            client.post_open(&["auth", "login"], &body).await
        }
        Err(e) if e.code == "second-factor" => Err(e.hint("give the code with --code")),
        told => told,
    }
}

async fn by_device(client: &Client, provider: Option<&str>) -> Result<Tokens, Failure> {
    const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
    let provider = match provider {
        Some(name) => Some(known(client, name).await?),
        None => None,
    };
    let codes: DeviceCodes = client.post_open(&["auth", "device"], &json!({})).await?;
    output::note(format!("The code is {}", codes.user_code));
    match provider {
        // The page then asks whether this is the code that is shown here.
        Some(provider) => {
            output::note(format!("Log in at {}?next=/device?user_code={}", provider.url, codes.user_code));
        }
        None => {
            output::note(format!("Where you are logged in: waystation account let-in {}", codes.user_code));
            output::note(format!("Or at {}", client.address(&codes.verification_uri)));
        }
    }
    let mut wait = codes.interval.max(1);
    loop {
        tokio::time::sleep(Duration::from_secs(wait)).await;
        let fields = [("grant_type", GRANT), ("device_code", codes.device_code.as_str())];
        let (status, told) = client.post_form(&["auth", "device", "token"], &fields).await?;
        if status == 200 {
            return Ok(serde_json::from_value(told)?);
        }
        match told.get("error").and_then(Value::as_str).unwrap_or_default() {
            "authorization_pending" => {}
            // RFC 8628, section 3.5.
            "slow_down" => wait += 5,
            "access_denied" => {
                return Err(Failure::new(Exit::Unreachable, "you were kept out").code("access-denied"));
            }
            _ => {
                let message = "the code is over; start again";
                return Err(Failure::new(Exit::Unreachable, message).code("expired-token"));
            }
        }
    }
}

/// The provider of that name.
async fn known(client: &Client, name: &str) -> Result<ProviderView, Failure> {
    let list: ProviderList = client.get_open(&["auth", "providers"]).await?;
    let names: Vec<String> = list.providers.iter().map(|one| one.name.clone()).collect();
    if let Some(found) = list.providers.into_iter().find(|one| one.name == name) {
        return Ok(found);
    }
    let failure = Failure::new(Exit::NotFound, format!("the host knows no provider `{name}`"));
    Err(failure.code("no-such-provider").hint(match names.is_empty() {
        true => "it has none; log in with name and password".to_owned(),
        false => format!("it knows: {}", names.join(", ")),
    }))
}

async fn logged_in(global: &Global, client: &Client, tokens: &Tokens) -> Outcome {
    client.logins().keep(tokens)?;
    if global.json {
        // The tokens are in a file of the user's own, not in what is printed.
        return Ok(output::json(&json!({ "logged_in": true, "until": tokens.refresh_expires_at }))?);
    }
    output::line(format!(
        "logged in; this lasts until {} and longer while you use it",
        tokens.refresh_expires_at
    ));
    Ok(())
}

/// Logs out, here and at the host.
pub(crate) async fn logout(global: &Global) -> Outcome {
    let client = Client::new(global)?;
    if client.logins().read()?.is_none() {
        output::note("you were not logged in");
        return Ok(());
    }
    match client.done(Method::POST, &["auth", "logout"], None).await {
        Ok(()) => client.logins().forget(),
        // It ended already.
        Err(e) if matches!(e.code.as_str(), "unauthorized" | "not-logged-in") => client.logins().forget(),
        Err(e) => Err(e.hint("you are still logged in; try again when the host can be reached")),
    }
}
