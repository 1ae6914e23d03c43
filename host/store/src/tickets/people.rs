//! The people behind what was done: so that who made something does not approve it as well.

use std::collections::BTreeSet;

use waystation_core::name::UserName;

use crate::changes::Work;
use crate::error::StoreError;

/// How many tokens that make tokens are followed.
const DEEP: usize = 16;

/// The users behind an actor: `user:NAME`, or `user:NAME/TOKEN` with whoever made that token. Behind anybody else there is
/// nobody.
pub(crate) async fn behind(
    work: &mut Work<'_>,
    tenant: &str,
    actor: &str,
) -> Result<BTreeSet<UserName>, StoreError> {
    let (mut people, mut actor) = (BTreeSet::new(), actor.to_owned());
    for _ in 0..DEEP {
        let Some(user) = actor.strip_prefix("user:") else { break };
        let (name, token) = user.split_once('/').map_or((user, None), |(name, token)| (name, Some(token)));
        people.extend(name.parse::<UserName>());
        let Some(token) = token else { break };
        let maker: Option<String> = sqlx::query_scalar(
            "SELECT t.created_by FROM api_tokens t JOIN users u ON u.id = t.user_id
             WHERE u.tenant = $1 AND u.name = $2 AND t.name = $3",
        )
        .bind(tenant)
        .bind(name)
        .bind(token)
        .fetch_optional(work.db())
        .await?;
        match maker {
            Some(maker) if maker != actor => actor = maker,
            _ => break,
        }
    }
    Ok(people)
}

/// As a column holds them.
pub(crate) fn column(people: &BTreeSet<UserName>) -> String {
    people.iter().map(UserName::as_str).collect::<Vec<_>>().join(" ")
}

/// Reads a column.
pub(crate) fn read(column: &str) -> BTreeSet<UserName> {
    column.split(' ').filter_map(|name| name.parse().ok()).collect()
}

/// Adds people to those who let an agent in.
pub(crate) async fn let_in(
    work: &mut Work<'_>,
    agent: &str,
    mut people: BTreeSet<UserName>,
) -> Result<(), StoreError> {
    let known: Option<String> = sqlx::query_scalar("SELECT people FROM agents WHERE id = $1")
        .bind(agent)
        .fetch_optional(work.db())
        .await?;
    people.extend(read(&known.unwrap_or_default()));
    sqlx::query("UPDATE agents SET people = $2 WHERE id = $1")
        .bind(agent)
        .bind(column(&people))
        .execute(work.db())
        .await?;
    Ok(())
}
