//! Timestamp authorities (RFC 3161, 3.4).

use waystation_sign::{Query, Stamp};

use crate::error::ServiceError;
use crate::http::{Ask, Http};

/// Asks an authority when a signature was there.
///
/// Who the authority is, nobody knows before the verification with a trusted root.
///
/// # Errors
/// Those of services, and `timestamp-malformed`, `timestamp-refused`, `timestamp-mismatch`.
pub async fn stamp(http: &Http, url: &str, signature: &[u8]) -> Result<Stamp, ServiceError> {
    let query = Query::new(signature)?;
    let answer = http
        .ask(Ask {
            service: &format!("the timestamp authority {url}"),
            url,
            body: Some((Query::CONTENT_TYPE, query.as_bytes().to_vec())),
            accept: Query::ANSWER_TYPE,
            bearer: None,
            limit: Query::MAX_ANSWER,
        })
        .await?;
    Ok(query.accept(&answer)?)
}
