//! A signature without a key of one's own, from the token to the bundle that was verified.

use jiff::Timestamp;
use waystation_sign::{Algorithm, Key, attest};
use waystation_verify::{
    Admits, CertificateRule, Demand, Domain, Facts, Predicates, Report, Signer, Subject, TrustRoot, Who,
    check,
};

use crate::config::SigningConfig;
use crate::error::ServiceError;
use crate::http::Http;
use crate::token::IdentityToken;
use crate::{fulcio, rekor, tsa};

/// The services of one Sigstore instance, and how to speak to them.
#[derive(Debug, Clone, Copy)]
pub struct Services<'a> {
    /// How.
    pub http: &'a Http,
    /// Which.
    pub config: &'a SigningConfig,
    /// The clock.
    pub now: fn() -> Timestamp,
}

/// What was signed, and verified.
#[derive(Debug, Clone)]
pub struct Attested {
    /// The Sigstore bundle.
    pub bundle: Vec<u8>,
    /// What the verification says of it: identity, issuer, times, log entries.
    pub facts: Facts,
}

impl Services<'_> {
    /// Signs a statement about a subject, as whoever the token says. The key lives for this call.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn attest(
        &self,
        statement: &[u8],
        subject: &Subject,
        token: &IdentityToken,
        root: &TrustRoot,
    ) -> Result<Attested, ServiceError> {
        let chosen = self.config.choose((self.now)())?;
        token.is_good((self.now)())?;
        let key = Key::generate(Algorithm::P256);
        let certificate = fulcio::certificate(self.http, &chosen.authority.url, token, &key).await?;
        let mut signed = attest(statement, &key)?.certified(&certificate);
        for authority in &chosen.timestamps {
            let stamp = tsa::stamp(self.http, &authority.url, signed.signature()).await?;
            signed = signed.stamped(stamp);
        }
        for log in &chosen.logs {
            let entry = rekor::log(self.http, log, &signed, &certificate).await?;
            signed = signed.logged(entry);
        }
        let bundle = signed.to_json()?;
        let domain = Domain {
            // The root decides, and never what came back.
            sct: usize::from(root.has_certificate_logs()),
            tlog: chosen.logs.len(),
            tsa: chosen.timestamps.len(),
            ..Domain::default()
        };
        let facts = verified(&bundle, subject, &domain, root, (self.now)())?;
        Ok(Attested { bundle, facts })
    }
}

fn verified(
    bundle: &[u8],
    subject: &Subject,
    domain: &Domain,
    root: &TrustRoot,
    now: Timestamp,
) -> Result<Facts, ServiceError> {
    // Whoever it is: policies decide whom they believe. That it holds is what matters here.
    let who = Who::Certificate(CertificateRule::anyone());
    let signers = [Signer { name: "the signer".to_owned(), who, revoked: false }];
    let admits = Admits { predicates: Predicates::Any, ..Admits::default() };
    let demand = Demand { signers: &signers, domain, admits: &admits, max_age: None };
    let Report { outcome, .. } = check(bundle, subject, &demand, Some(root), now);
    outcome.map_err(ServiceError::Unverified)
}
