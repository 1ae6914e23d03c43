//! What a token says.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waystation_core::{
    id::{AccessTokenId, LoginId, UserId},
    name::TenantName,
    ticket::SessionId,
};

use crate::error::IdentityError;

/// How long an access token lives.
pub const ACCESS_LIFE: Duration = Duration::from_secs(15 * 60);

/// How long a viewer token lives.
pub const VIEWER_LIFE: Duration = Duration::from_secs(5 * 60);

/// What who views a session may do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewerAccess {
    /// Look.
    View,
    /// Look, and put something in.
    Control,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The API, as the user may.
    Access,
    /// One session, seen through the relay.
    Viewer {
        /// Which.
        session: SessionId,
        /// What may be done there.
        access: ViewerAccess,
    },
}

/// A kind of purpose: what a place asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PurposeKind {
    /// See [`Purpose::Access`].
    Access,
    /// See [`Purpose::Viewer`].
    Viewer,
}

impl PurposeKind {
    /// How long a token of this kind lives at most.
    #[must_use]
    pub const fn life(self) -> Duration {
        match self {
            Self::Access => ACCESS_LIFE,
            Self::Viewer => VIEWER_LIFE,
        }
    }
}

impl Purpose {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> PurposeKind {
        match self {
            Self::Access => PurposeKind::Access,
            Self::Viewer { .. } => PurposeKind::Viewer,
        }
    }
}

/// What a token says of whom it speaks for. Times are whole seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The token (`jti`).
    pub id: AccessTokenId,
    /// Whose.
    pub tenant: TenantName,
    /// The user (`sub`).
    pub user: UserId,
    /// The login that it stands on (`sid`); with its end the token ends.
    pub login: LoginId,
    /// What for.
    pub purpose: Purpose,
    /// Since when it holds (`iat`, `nbf`).
    pub issued_at: Timestamp,
    /// Until when (`exp`).
    pub expires_at: Timestamp,
}

impl Claims {
    /// What is the case from `now` on, for as long as the purpose allows.
    #[must_use]
    pub fn new(
        id: AccessTokenId,
        (tenant, user, login): (TenantName, UserId, LoginId),
        purpose: Purpose,
        now: Timestamp,
    ) -> Self {
        let second = |second: i64| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let life = i64::try_from(purpose.kind().life().as_secs()).unwrap_or(0);
        let from = now.as_second();
        let (issued_at, expires_at) = (second(from), second(from.saturating_add(life)));
        Self { id, tenant, user, login, purpose, issued_at, expires_at }
    }
}

/// The claims as JSON. A name that comes twice is refused, and so is one that is not here.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    pub(super) iss: String,
    pub(super) aud: String,
    sub: UserId,
    sid: LoginId,
    jti: AccessTokenId,
    tenant: TenantName,
    pub(super) purpose: PurposeKind,
    iat: i64,
    nbf: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access: Option<ViewerAccess>,
}

impl Wire {
    /// Of claims, from `issuer` to `audience`.
    pub(super) fn new(claims: &Claims, issuer: &str, audience: &str) -> Self {
        let (session, access) = match &claims.purpose {
            Purpose::Access => (None, None),
            Purpose::Viewer { session, access } => (Some(session.to_string()), Some(*access)),
        };
        Self {
            iss: issuer.to_owned(),
            aud: audience.to_owned(),
            sub: claims.user,
            sid: claims.login,
            jti: claims.id,
            tenant: claims.tenant.clone(),
            purpose: claims.purpose.kind(),
            iat: claims.issued_at.as_second(),
            nbf: claims.issued_at.as_second(),
            exp: claims.expires_at.as_second(),
            session,
            access,
        }
    }

    /// The claims, if their parts fit together.
    pub(super) fn read(self) -> Result<Claims, IdentityError> {
        let purpose = match (self.purpose, self.session, self.access) {
            (PurposeKind::Access, None, None) => Purpose::Access,
            (PurposeKind::Viewer, Some(session), Some(access)) => {
                let session = session.parse().map_err(|_| IdentityError::Jwt("its session is none"))?;
                Purpose::Viewer { session, access }
            }
            _ => return Err(IdentityError::Jwt("what it says does not fit its purpose")),
        };
        if self.nbf != self.iat {
            return Err(IdentityError::Jwt("it does not hold from when it was issued"));
        }
        let time =
            |second| Timestamp::from_second(second).map_err(|_| IdentityError::Jwt("its times are none"));
        Ok(Claims {
            id: self.jti,
            tenant: self.tenant,
            user: self.sub,
            login: self.sid,
            purpose,
            issued_at: time(self.iat)?,
            expires_at: time(self.exp)?,
        })
    }
}
