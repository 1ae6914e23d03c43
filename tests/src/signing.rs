//! Plugins to sign, and folders in which to sign them.

use anyhow::Result;
use waystation_bundle::{Limits, Package, PackageWriter};
use waystation_lab::stand_in::{Service, StandIn};

use crate::Folder;

/// A folder with `tool.plugin.tar`, which nobody signed.
///
/// # Errors
/// When it cannot be made.
pub fn unsigned() -> Result<(Folder, Package)> {
    let folder = Folder::new("")?;
    let manifest =
        "name = \"acme/tool\"\nversion = \"1.2.0\"\nkind = \"update-source@0.1\"\nsummary = \"Versions\"\n";
    let escaped: String = manifest.bytes().map(|b| format!("\\{b:02x}")).collect();
    let component = wat::parse_str(format!("(component (@custom \"waystation:manifest\" \"{escaped}\"))"))?;
    let package = PackageWriter::new(component, &Limits::DEFAULT)?.finish()?;
    std::fs::write(folder.path().join("tool.plugin.tar"), package.to_tar(&Limits::DEFAULT)?)?;
    Ok((folder, package))
}

/// The same with services to sign it without a key, these logs among them, and a policy that believes one identity.
///
/// # Errors
/// When it cannot be made.
pub async fn keyless(logs: &[Service]) -> Result<(Folder, StandIn)> {
    let services = StandIn::start().await;
    let (folder, _) = unsigned()?;
    let write = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content);
    write("root.json", services.root().to_string().as_bytes())?;
    write("signing.json", services.config(logs).to_string().as_bytes())?;
    write("token", waystation_lab::stand_in::identity_token().as_bytes())?;
    let policy = format!(
        "version = 1\n[domains.default]\nroot = \"root.json\"\nsct = 1\ntlog = {}\ntsa = 1\n\
         [signers.release]\nidentity = \"{}\"\nissuer = \"{}\"\n\
         [[namespaces]]\nname = \"acme\"\nkinds = [\"update-source\"]\nany_of = [\"release\"]\n",
        logs.len(),
        waystation_lab::IDENTITY,
        waystation_lab::ISSUER,
    );
    write("trust.toml", policy.as_bytes())?;
    Ok((folder, services))
}
