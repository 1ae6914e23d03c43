//! Who signs, and who tells when, as the arguments say it.

use std::io::IsTerminal as _;
use std::path::Path;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use waystation_egress::Roots;
use waystation_sign::{Authority, Command, Key, PublicKey, SignError, Signed, Signer};
use waystation_sigstore::{Http, Options, ServiceError, stamp};

use crate::args::sign::{NewPassphrase, Passphrase, SignAt, SignWith, Time};
use crate::exit::{Exit, Failure};
use crate::files;

/// The longest file of a key that is read, in bytes.
const MAX_KEY: usize = 64 << 10;

/// A signer, and who dates what it signs.
pub(crate) struct Signing {
    pub(crate) signer: Box<dyn Signer>,
    pub(crate) clocks: Clocks,
}

/// Who tells when something was signed.
pub(crate) struct Clocks {
    pub(crate) authorities: Vec<Authority>,
    /// Those that are asked.
    pub(crate) urls: Vec<String>,
    /// For them.
    http: Option<Http>,
}

impl Signing {
    pub(crate) fn open(at: &SignAt) -> Result<Self, Failure> {
        let mut passphrase = Asked::new(&at.with.passphrase);
        let mut signers = signers(&at.with, &mut passphrase)?;
        match (signers.pop(), signers.is_empty()) {
            (Some(signer), true) => Ok(Self { signer, clocks: Clocks::open(&at.time, &mut passphrase)? }),
            (Some(_), false) => Err(Failure::new(Exit::Usage, "one signs at a time: give one key")),
            (None, _) => {
                Err(Failure::new(Exit::Usage, "a --key, or a --public-key and a --command, is missing"))
            }
        }
    }
}

/// All who are to sign.
pub(crate) fn signers(with: &SignWith, passphrase: &mut Asked<'_>) -> Result<Vec<Box<dyn Signer>>, Failure> {
    let mut signers: Vec<Box<dyn Signer>> = Vec::new();
    for file in &with.key {
        signers.push(Box::new(passphrase.open(file, Key::from_pem)?));
    }
    if let (Some(public), Some((program, arguments))) = (&with.public_key, with.command.split_first()) {
        let public = public_key(public)?;
        signers.push(Box::new(Command::new(program.clone(), arguments.to_vec(), public)));
    }
    Ok(signers)
}

impl Clocks {
    fn open(time: &Time, passphrase: &mut Asked<'_>) -> Result<Self, Failure> {
        if time.timestamp_authority.is_empty() && time.timestamp_url.is_empty() && !time.no_timestamp {
            let message = "nothing would prove when it was signed, and no trust policy admits that";
            return Err(Failure::new(Exit::Usage, message).code("no-timestamp").hint(
                "give --timestamp-authority or --timestamp-url, or --no-timestamp if you know better",
            ));
        }
        let open = |path: &std::path::PathBuf| passphrase.open(path, Authority::from_pem);
        let authorities = time.timestamp_authority.iter().map(open).collect::<Result<_, _>>()?;
        let urls = time.timestamp_url.clone();
        let http = if urls.is_empty() { None } else { Some(clock_http(time)?) };
        Ok(Self { authorities, urls, http })
    }

    /// Has every one of them see a signature.
    pub(crate) async fn stamp(&self, mut signed: Signed) -> Result<Signed, Failure> {
        for authority in &self.authorities {
            let stamp = authority.stamp(signed.signature(), Timestamp::now()).map_err(refused)?;
            signed = signed.stamped(stamp);
        }
        for (http, url) in self.http.iter().flat_map(|http| self.urls.iter().map(move |url| (http, url))) {
            let stamp = stamp(http, url, signed.signature()).await.map_err(unserved)?;
            signed = signed.stamped(stamp);
        }
        Ok(signed)
    }
}

/// Connections to timestamp authorities.
fn clock_http(time: &Time) -> Result<Http, Failure> {
    let mut options = options(time.services_ca_file.as_deref())?;
    if time.timestamp_plain_http {
        let hosts = time.timestamp_url.iter().filter_map(|url| {
            let url = url::Url::parse(url).ok()?;
            let host = url.host_str()?;
            Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
        });
        options.plain_http.extend(hosts);
    }
    Http::new(options).map_err(unserved)
}

/// Connections to the services that sign.
pub(crate) fn http(ca_file: Option<&Path>) -> Result<Http, Failure> {
    Http::new(options(ca_file)?).map_err(unserved)
}

fn options(ca_file: Option<&Path>) -> Result<Options, Failure> {
    let roots = Roots::load(ca_file).map_err(|e| Failure::new(Exit::Failed, e.to_string()).code(e.code()))?;
    Ok(Options::new(roots))
}

/// A passphrase that is asked for once, and only if something needs it.
pub(crate) struct Asked<'a> {
    from: &'a Passphrase,
    known: Option<SecretString>,
}

impl<'a> Asked<'a> {
    pub(crate) const fn new(from: &'a Passphrase) -> Self {
        Self { from, known: None }
    }

    /// Reads a key, and whatever else has a passphrase.
    pub(crate) fn open<T>(
        &mut self,
        path: &Path,
        parse: impl Fn(&SecretString, Option<&SecretString>) -> Result<T, SignError>,
    ) -> Result<T, Failure> {
        let of = |e: SignError| {
            let failure = refused(e);
            Failure { message: format!("{}: {}", path.display(), failure.message), ..failure }
        };
        let text = SecretString::from(files::text(path, MAX_KEY)?);
        match parse(&text, self.known.as_ref()) {
            Err(SignError::PassphraseNeeded) => {
                let passphrase = match &self.from.passphrase_file {
                    Some(file) => from_file(file)?,
                    None if std::io::stdin().is_terminal() => {
                        prompt(&format!("Passphrase of {}: ", path.display()))?
                    }
                    None => return Err(of(SignError::PassphraseNeeded).hint("give --passphrase-file")),
                };
                let opened = parse(&text, Some(&passphrase)).map_err(of)?;
                self.known = Some(passphrase);
                Ok(opened)
            }
            other => other.map_err(of),
        }
    }
}

/// What new keys are encrypted with; nothing, if that is what was asked for.
pub(crate) fn new_passphrase(from: &NewPassphrase) -> Result<Option<SecretString>, Failure> {
    match &from.passphrase_file {
        _ if from.no_passphrase => Ok(None),
        Some(file) => from_file(file).map(Some),
        None if std::io::stdin().is_terminal() => {
            let first = prompt("Passphrase for the key: ")?;
            let second = prompt("The same again: ")?;
            match first.expose_secret() == second.expose_secret() {
                true => checked(first).map(Some),
                false => Err(Failure::new(Exit::Usage, "the two passphrases differ")),
            }
        }
        None => Err(Failure::new(Exit::Usage, "there is no passphrase, and nobody to ask for one")
            .code("passphrase-needed")
            .hint("give --passphrase-file, or --no-passphrase")),
    }
}

fn prompt(question: &str) -> Result<SecretString, Failure> {
    Ok(rpassword::prompt_password(question)?.into())
}

fn from_file(path: &Path) -> Result<SecretString, Failure> {
    let text = SecretString::from(files::text(path, MAX_KEY)?);
    checked(text.expose_secret().trim_end_matches(['\r', '\n']).into())
}

fn checked(passphrase: SecretString) -> Result<SecretString, Failure> {
    match passphrase.expose_secret().is_empty() {
        true => Err(Failure::new(Exit::Usage, "the passphrase is empty").code("passphrase-needed")),
        false => Ok(passphrase),
    }
}

/// Whether a file holds a public key, not a private one.
pub(crate) fn is_public(path: &Path) -> Result<bool, Failure> {
    Ok(files::text(path, MAX_KEY)?.contains("-----BEGIN PUBLIC KEY-----"))
}

/// Reads a public key.
pub(crate) fn public_key(path: &Path) -> Result<PublicKey, Failure> {
    PublicKey::from_pem(&files::text(path, MAX_KEY)?)
        .map_err(|e| Failure::new(Exit::Failed, format!("{}: {e}", path.display())).code(e.code()))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn refused(e: SignError) -> Failure {
    Failure::new(Exit::Failed, e.to_string()).code(e.code())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn unserved(e: ServiceError) -> Failure {
    Failure::new(Exit::Failed, e.to_string()).code(e.code())
}
