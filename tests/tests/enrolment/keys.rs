//! Keys of agents, each credential on its own plane, and lists of what is revoked.

use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Value, json};
use waystation_tests::agents::TlsHost;
use waystation_tests::enrolling::Machine;
use waystation_tests::patience::until;

use super::{OFTEN, SHELL, inbox, refused, text};

#[tokio::test]
async fn an_agent_key_speaks_for_its_agent_to_agents_paths_alone() -> Result<()> {
    let folder = TlsHost::folder(OFTEN)?;
    let host = TlsHost::start(&folder).await?;
    let operator = host.operator()?;
    let (token, _) = host.invite(&json!({ "label": "mac", "capabilities": [SHELL] })).await?;
    let body = json!({ "token": token, "key": true });
    let (status, told) = host.anybody(None)?.call("POST", "/api/enroll", Some(&body)).await?;
    assert_eq!((status, told.get("cert")), (201, None), "{told}");
    let key = text(&told["key"]).to_owned();
    assert!(key.starts_with("wsa_") && key.len() == 68);
    let keyed = host.anybody(Some(&format!("Bearer {key}")))?;
    assert_eq!(inbox(&keyed).await?, 200);
    let told = keyed.call("GET", "/api/tickets/scopes", None).await?;
    assert_eq!(refused(&told), (403, "Insufficient certificate scope"));
    // Everywhere else it is a token like any that is wrong.
    let wrong = host.anybody(Some("Bearer wrong"))?;
    for path in
        ["/api/v1/agents", "/api/v1/audit", "/api/v1/enrolments", "/api/v1/enrolments/pending", "/metrics"]
    {
        let (mut keyed, mut wrong) =
            (keyed.call("GET", path, None).await?, wrong.call("GET", path, None).await?);
        for told in [&mut keyed, &mut wrong] {
            told.1["instance"] = Value::Null;
        }
        assert_eq!((keyed.0, &keyed), (401, &wrong), "{path}");
    }
    // Each credential on the plane of another: an enrolment token and a certificate are no tokens either.
    let (other, _) = host.invite(&json!({ "label": "pc" })).await?;
    let invited = host.anybody(Some(&format!("Bearer {other}")))?;
    for path in ["/api/v1/agents", "/api/tickets/inbox", "/metrics"] {
        assert_eq!(invited.call("GET", path, None).await?.0, 401, "{path}");
    }
    for other in [
        key.to_uppercase(),
        format!("{key}0"),
        format!("wsa_{}", "0".repeat(64)),
        format!("wst_{}", &key[4..]),
    ] {
        assert_eq!(inbox(&host.anybody(Some(&format!("Bearer {other}")))?).await?, 401, "{other}");
    }
    // On the connection of another agent it is nobody's; on that of its own it is the same.
    let pc = Machine::new()?;
    let told = pc.enrols(&host, &other, json!({})).await?;
    let mixed = pc.agent(&host, &told)?.with_authorization(&format!("Bearer {key}"));
    assert_eq!(inbox(&mixed).await?, 401);
    assert_eq!(inbox(&pc.agent(&host, &told)?).await?, 200);
    // It can get a certificate, and is over with its agent.
    let mac = Machine::new()?;
    let renewed =
        keyed.call("POST", "/api/certs/agent/upgrade-cert", Some(&json!({ "csr": mac.csr()? }))).await?;
    assert_eq!(inbox(&mac.agent(&host, &renewed)?).await?, 200);
    assert_eq!(operator.call("DELETE", "/api/v1/agents/mac", None).await?.0, 200);
    assert_eq!(inbox(&keyed).await?, 401);
    Ok(())
}

#[tokio::test]
async fn the_list_of_revoked_certificates_is_for_everybody() -> Result<()> {
    let url = "https://waystation.example/api/v1/certificates/crl";
    let pki = format!("[pki]\ncrl_url = \"{url}\"\nrevoked = \"revoked.txt\"\n");
    let folder = TlsHost::folder(&format!("{pki}{OFTEN}"))?;
    let listed = folder.path().join("revoked.txt");
    std::fs::write(&listed, "")?;
    let host = TlsHost::start(&folder).await?;
    let roots = std::fs::read(folder.data().join("pki/authorities.pem"))?;
    let authority = waystation_pki::AuthorityCertificate::read(&roots)?;
    let list = async || -> Result<waystation_pki::RevocationList> {
        let der = host.anybody(None)?.bytes("/api/v1/certificates/crl").await?;
        Ok(waystation_pki::RevocationList::read(&der, &authority, None, Timestamp::now())?)
    };
    let (empty, again) = (list().await?, list().await?);
    assert!(empty.revoked.is_empty());
    assert_eq!(empty, again, "nothing changed, so nothing is signed anew");
    let (token, _) = host.invite(&json!({ "label": "mac" })).await?;
    let mac = Machine::new()?;
    let told = mac.enrols(&host, &token, json!({})).await?;
    let pem = text(&told.1["cert"]);
    let der: Vec<u8> = base64_of(pem);
    assert!(
        der.windows(url.len()).any(|part| part == url.as_bytes()),
        "the certificate says where the list is"
    );
    let serial: waystation_pki::Serial = text(&told.1["serial"]).parse()?;
    assert!(mac.agent(&host, &told)?.call("GET", "/api/tickets/inbox", None).await?.0 == 200);
    host.operator()?.call("DELETE", "/api/v1/agents/mac", None).await?;
    let after = list().await?;
    assert_eq!(after.revoked.iter().map(|one| &one.serial).collect::<Vec<_>>(), [&serial]);
    assert!(after.number > empty.number);
    // And what the operator lists, of whichever system.
    std::fs::write(&listed, "0B98 # another\n")?;
    let after = until("the list has what the file has", async || {
        let list = list().await?;
        Ok((list.revoked.len() == 2).then_some(list))
    });
    let after = after.await?;
    assert!(after.revoked.iter().any(|one| one.serial.to_string() == "0b98"));
    let file = folder.path().join("crl.pem");
    let ran = folder.run(&["pki", "crl", "-o", &file.display().to_string()]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let read =
        waystation_pki::RevocationList::read(&std::fs::read(file)?, &authority, None, Timestamp::now())?;
    assert_eq!(read.number, after.number);
    let ran = folder.run(&["pki", "crl"]).await?;
    assert!(ran.stdout.starts_with("-----BEGIN X509 CRL-----"), "{ran:?}");
    let anybody = host.anybody(None)?;
    assert_eq!(anybody.call("GET", "/api/v1/certificates/crl?authority=00000000", None).await?.0, 404);
    assert_eq!(anybody.call("GET", "/api/v1/certificates/crl?form=xml", None).await?.0, 422);
    Ok(())
}

fn base64_of(pem: &str) -> Vec<u8> {
    use base64::Engine as _;
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
