//! `waystation token`

use serde_json::json;
use waystation_server::api::tokens::{AddedToken, TokenPage, TokenView};

use crate::args::{Global, Token};
use crate::client::Client;
use crate::commands::role::{grant, told};
use crate::exit::Outcome;
use crate::output;

/// Seconds of a day.
const DAY: u64 = 86_400;

pub(crate) async fn run(global: &Global, command: &Token) -> Outcome {
    let client = Client::new(global)?;
    match command {
        Token::List { all } => list(global, &client, *all).await,
        Token::Add { name, allow, on, service, days } => {
            let scope = [grant(allow, on)?];
            let body = json!({ "name": name, "service": service, "scope": scope, "expires_in": days * DAY });
            let added: AddedToken = client.post(&["tokens"], &body).await?;
            if global.json {
                return Ok(output::json(&added)?);
            }
            output::note(format!("This is shown once. It holds until {}:", added.record.expires_at));
            output::line(&added.token);
            Ok(())
        }
        Token::Remove { id } => client.delete(&["tokens", id]).await,
    }
}

async fn list(global: &Global, client: &Client, all: bool) -> Outcome {
    let mut tokens: Vec<TokenView> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut query = vec![("all", if all { "true" } else { "false" })];
        query.extend(after.iter().map(|id| ("after", id.as_str())));
        let page: TokenPage = client.get(&["tokens"], &query).await?;
        tokens.extend(page.tokens);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if global.json {
        return Ok(output::json(&json!({ "tokens": tokens }))?);
    }
    let rows = tokens.into_iter().map(|token| {
        let used = token.used_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
        let scope = told(&token.scope).join("; ");
        [token.id, format!("{}/{}", token.user, token.name), scope, token.expires_at.to_string(), used]
    });
    output::table(["ID", "TOKEN", "FOR", "UNTIL", "LAST USED"], rows);
    Ok(())
}
