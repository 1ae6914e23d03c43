//! The record of what was done, kept elsewhere: signed heads and exports, through the real host.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use waystation_tests::api::text;
use waystation_tests::{Folder, Host, Ran};

/// Does something that goes on record.
async fn done(host: &Host, name: &str) -> Result<()> {
    host.api.post("/api/v1/users", &json!({ "name": name, "service": true })).await.map(drop)
}

async fn good(folder: &Folder, args: &[&str]) -> Result<Ran> {
    let ran = folder.run(args).await?;
    ensure!(ran.code == 0, "{args:?}: {ran:?}");
    Ok(ran)
}

/// The code of a failure, and its exit code.
async fn refused(folder: &Folder, args: &[&str]) -> Result<(i32, String)> {
    let ran = folder.run(&[args, &["--json"]].concat()).await?;
    let failure: Value = serde_json::from_str(&ran.stderr)?;
    Ok((ran.code, text(&failure, "code").to_owned()))
}

fn is(code: &str) -> (i32, String) {
    (1, code.to_owned())
}

/// A copy of a file in which a line is another.
fn with_line(path: &Path, number: usize, change: impl Fn(&str) -> Option<String>) -> Result<String> {
    let whole = std::fs::read_to_string(path)?;
    let lines = whole.lines().enumerate().filter_map(|(n, line)| match n == number {
        true => change(line),
        false => Some(line.to_owned()),
    });
    let copy = path.with_extension("changed");
    std::fs::write(&copy, lines.map(|line| format!("{line}\n")).collect::<String>())?;
    Ok(copy.display().to_string())
}

#[tokio::test]
async fn the_record_is_exported_piece_by_piece_and_verified_without_the_host() -> Result<()> {
    let folder = Folder::new("")?;
    let host = Host::start(&folder).await?;
    done(&host, "one").await?;
    let key = good(&folder, &["audit", "key"]).await?.stdout.trim().to_owned();
    good(&folder, &["audit", "export", "-o", "a.jsonl"]).await?;
    assert_eq!(refused(&folder, &["audit", "export", "-o", "a.jsonl"]).await?, is("file-exists"));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&folder.path().join("a.jsonl").metadata()?.permissions());
    assert_eq!(mode & 0o777, 0o600);
    done(&host, "two").await?;
    done(&host, "three").await?;
    good(&folder, &["audit", "export", "-o", "b.jsonl", "--since", "a.jsonl"]).await?;
    let b = folder.path().join("b.jsonl");
    assert_eq!(std::fs::read_to_string(&b)?.lines().count(), 4, "an opening, two rows, a head");
    let head = good(&folder, &["audit", "head"]).await?.stdout;
    std::fs::write(folder.path().join("head"), &head)?;
    assert!(
        head.starts_with("waystation audit head 1\ndefault\n") && head.contains("\n\n— waystation "),
        "{head}"
    );
    done(&host, "four").await?;
    let since = good(&folder, &["audit", "export", "--since", "head"]).await?.stdout;
    assert_eq!(since.lines().count(), 3, "{since}");
    assert!(since.contains("\"target\":\"four\""), "{since}");
    good(&folder, &["audit", "verify", "--since", "head"]).await?;
    host.stop().await?;

    // From here on there is no host.
    let verify = |files: &[&str], key: &str| {
        let mut args = vec!["audit".to_owned(), "verify".into(), "--key".into(), key.to_owned()];
        args.extend(files.iter().flat_map(|file| ["--file".to_owned(), (*file).to_owned()]));
        args
    };
    let tried = async |files: &[&str], key: &str| {
        let args = verify(files, key);
        refused(&folder, &args.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let args = verify(&["a.jsonl", "b.jsonl", "head"], &key);
    let ran = good(&folder, &args.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    assert!(ran.stdout.contains("b.jsonl: rows"), "{ran:?}");
    assert_eq!(tried(&["b.jsonl", "a.jsonl"], &key).await?, is("audit-gap"));
    assert_eq!(tried(&["a.jsonl", "a.jsonl"], &key).await?, is("audit-gap"));
    let other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    assert_eq!(tried(&["b.jsonl"], other).await?, is("note-signer"));
    assert_eq!(tried(&["b.jsonl"], "waystation+00+00").await?, (2, "invalid-credential".into()));
    let changed = with_line(&b, 1, |line| Some(line.replace("\"two\"", "\"twó\"")))?;
    assert_eq!(tried(&[&changed], &key).await?, is("audit-broken"));
    let without = with_line(&b, 1, |_| None)?;
    assert_eq!(tried(&[&without], &key).await?, is("audit-broken"));
    let shorter = with_line(&b, 2, |_| None)?;
    assert_eq!(tried(&[&shorter], &key).await?, is("audit-head-differs"));
    let cut = with_line(&b, 3, |_| None)?;
    assert_eq!(tried(&[&cut], &key).await?, is("export-cut"));
    let forged = with_line(&b, 3, |line| Some(line.replace("default", "another")))?;
    assert_eq!(tried(&[&forged], &key).await?, is("note-signature"));
    let more = with_line(&b, 3, |line| Some(format!("{line}\n{line}")))?;
    assert_eq!(tried(&[&more], &key).await?, is("export-malformed"));
    std::fs::write(folder.path().join("huge"), vec![b'{'; 3 << 20])?;
    assert_eq!(tried(&["huge"], &key).await?, is("export-malformed"));
    assert_eq!(tried(&["nowhere"], &key).await?, is("io"));
    Ok(())
}

#[tokio::test]
async fn a_record_that_was_put_back_is_told_by_what_was_kept() -> Result<()> {
    let folder = Folder::new("")?;
    let host = Host::start(&folder).await?;
    done(&host, "one").await?;
    host.stop().await?;
    let (database, copy) = (folder.data().join("waystation.db"), folder.path().join("copy.db"));
    std::fs::copy(&database, &copy)?;
    let host = Host::start(&folder).await?;
    done(&host, "two").await?;
    good(&folder, &["audit", "export", "-o", "kept.jsonl"]).await?;
    host.stop().await?;
    std::fs::copy(&copy, &database)?;
    for beside in ["waystation.db-wal", "waystation.db-shm"] {
        let _ = std::fs::remove_file(folder.data().join(beside));
    }
    let host = Host::start(&folder).await?;
    good(&folder, &["audit", "verify"]).await?;
    assert_eq!(refused(&folder, &["audit", "verify", "--since", "kept.jsonl"]).await?, is("audit-broken"));
    // Also when as many other things were done since.
    for name in ["three", "four", "five", "six"] {
        done(&host, name).await?;
    }
    good(&folder, &["audit", "verify"]).await?;
    assert_eq!(refused(&folder, &["audit", "verify", "--since", "kept.jsonl"]).await?, is("audit-broken"));
    assert_eq!(
        refused(&folder, &["audit", "export", "--since", "kept.jsonl", "-o", "next"]).await?,
        is("audit-broken")
    );
    assert!(!folder.path().join("next").exists());
    // What another host signed is not its own.
    let other = Folder::new("")?;
    let stranger = Host::start(&other).await?;
    good(&other, &["audit", "export", "-o", "theirs.jsonl"]).await?;
    stranger.stop().await?;
    let theirs = other.path().join("theirs.jsonl").display().to_string();
    assert_eq!(refused(&folder, &["audit", "verify", "--since", &theirs]).await?, is("note-signer"));
    host.stop().await
}
