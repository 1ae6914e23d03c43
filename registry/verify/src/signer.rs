//! Who may sign: keys, and certificates with an identity, an issuer and claims.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::certificate::{CLAIMS, Leaf};
use crate::error::{Code, Refusal};
use crate::key::PublicKey;
use crate::pattern::{self, Pattern};

/// One who may sign, under the name that a rule gives them.
#[derive(Debug, Clone)]
pub struct Signer {
    /// The name, for reports; it distinguishes nobody.
    pub name: String,
    /// Who it is.
    pub who: Who,
    /// Whether they are no longer believed: whatever they signed is refused, also where another rule fits them.
    pub revoked: bool,
}

/// Who it is.
#[derive(Debug, Clone)]
pub enum Who {
    /// The holder of this key.
    Key {
        /// The key.
        key: PublicKey,
        /// Signatures from before are not believed.
        not_before: Option<Timestamp>,
        /// Signatures from after are not believed.
        not_after: Option<Timestamp>,
    },
    /// Whoever got a certificate that says this.
    Certificate(CertificateRule),
}

/// What a certificate must say. All of it is compared with what the authority wrote, never with what the signer did.
#[derive(Debug, Clone)]
pub struct CertificateRule {
    /// Any, where there is nothing.
    identity: Option<Vec<Pattern>>,
    issuer: Issuer,
    claims: BTreeMap<&'static str, Vec<Pattern>>,
    self_hosted: bool,
    pull_requests: bool,
}

/// The issuer that a certificate must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issuer {
    /// This one, compared as it is.
    Is(String),
    /// None: the authority serves one issuer and writes none.
    None,
    /// Whichever. Only for reports on what is there: identities of two issuers can be the same.
    Any,
}

impl CertificateRule {
    /// One of these identities, and none where there are none. Self-hosted runners and builds of pull requests are
    /// not admitted.
    #[must_use]
    pub const fn new(identity: Vec<Pattern>, issuer: Issuer) -> Self {
        Self {
            identity: Some(identity),
            issuer,
            claims: BTreeMap::new(),
            self_hosted: false,
            pull_requests: false,
        }
    }

    /// Any identity of any issuer, on any runner: for reports on what is there, never to admit something.
    #[must_use]
    pub const fn anyone() -> Self {
        Self {
            identity: None,
            issuer: Issuer::Any,
            claims: BTreeMap::new(),
            self_hosted: true,
            pull_requests: true,
        }
    }

    /// The same with another issuer.
    #[must_use]
    pub fn issued_by(self, issuer: Issuer) -> Self {
        Self { issuer, ..self }
    }

    /// Asks for a claim, too: it must be there, and be one of these.
    ///
    /// # Errors
    /// `policy-unknown-name` where there is no such claim.
    pub fn claim(mut self, name: &str, patterns: Vec<Pattern>) -> Result<Self, Refusal> {
        let Some((_, known)) = CLAIMS.iter().find(|(_, known)| *known == name) else {
            let names: Vec<_> = CLAIMS.iter().map(|(_, name)| *name).collect();
            let detail = format!("there is no claim {name:?}; there are {}", names.join(", "));
            return Err(Code::PolicyUnknownName.because(detail));
        };
        self.claims.insert(known, patterns);
        Ok(self)
    }

    /// Admits self-hosted runners, whose machine belongs to whoever owns the repository.
    #[must_use]
    pub const fn with_self_hosted(mut self, admitted: bool) -> Self {
        self.self_hosted = admitted;
        self
    }

    /// Admits builds that a pull request triggered, which anyone can open.
    #[must_use]
    pub const fn with_pull_requests(mut self, admitted: bool) -> Self {
        self.pull_requests = admitted;
        self
    }

    /// Whom it names, for messages.
    pub(crate) fn wanted(&self) -> String {
        let all =
            |patterns: &Vec<Pattern>| patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        self.identity.as_ref().map_or_else(|| "anybody with a certificate".to_owned(), all)
    }

    pub(crate) fn admits(&self, leaf: &Leaf) -> Result<(), Refusal> {
        let identity = &leaf.identity.value;
        if let Some(wanted) = &self.identity
            && !pattern::any(wanted, identity)
        {
            let detail = format!("the certificate is that of {identity}; the rule names {}", self.wanted());
            return Err(Code::IdentityMismatch.because(detail));
        }
        let issuer = leaf.issuer.as_deref();
        let same = match &self.issuer {
            Issuer::Is(wanted) => issuer == Some(wanted),
            Issuer::None => issuer.is_none(),
            Issuer::Any => true,
        };
        if !same {
            let wanted = match &self.issuer {
                Issuer::Is(wanted) => wanted,
                Issuer::None | Issuer::Any => "none",
            };
            let detail = format!(
                "the certificate's issuer is {}, and the rule names {wanted}",
                issuer.unwrap_or("not there")
            );
            return Err(Code::IssuerMismatch.because(detail));
        }
        for (name, patterns) in &self.claims {
            let value = leaf.claims.get(name).map(String::as_str);
            if !value.is_some_and(|value| pattern::any(patterns, value)) {
                let detail = format!(
                    "the claim {name} is {}, which the rule does not name",
                    value.unwrap_or("not there")
                );
                return Err(Code::ClaimMismatch.because(detail));
            }
        }
        let claim = |name| leaf.claims.get(name).map(String::as_str);
        if !self.self_hosted && claim("runner_environment") == Some("self-hosted") {
            return Err(Code::SelfHostedRunner.because("the signature was made on a self-hosted runner"));
        }
        let trigger = claim("build_trigger");
        if !self.pull_requests && matches!(trigger, Some("pull_request" | "pull_request_target")) {
            let detail =
                format!("the build was triggered by {}, which anyone can open", trigger.unwrap_or_default());
            return Err(Code::ForkTrigger.because(detail));
        }
        Ok(())
    }
}
