use std::io::Write as _;

use super::*;

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

fn resolve(file: &tempfile::NamedTempFile) -> Result<Secret, Box<Problem>> {
    SecretSource::File(file.path().to_owned()).resolve(&Environment::default())
}

#[test]
fn a_variable_gives_its_value_and_an_empty_one_none() {
    let environment = environment(&[("TOKEN", "s3cret"), ("EMPTY", "")]);
    let of = |name: &str| SecretSource::Env(name.parse().unwrap()).resolve(&environment);
    assert_eq!(of("TOKEN").unwrap().value.expose_secret(), "s3cret");
    for name in ["EMPTY", "ABSENT"] {
        let problem = of(name).unwrap_err();
        assert_eq!(problem.code, Code::SecretMissing);
        assert!(problem.message.contains(name), "{problem}");
    }
}

#[test]
fn a_file_gives_its_content_without_the_line_break_at_its_end() {
    for (content, secret) in [
        ("s3cret\n", "s3cret"),
        ("s3cret\r\n", "s3cret"),
        ("s3cret", "s3cret"),
        ("a\n\n", "a\n"),
        (" x ", " x "),
    ] {
        assert_eq!(resolve(&file(content.as_bytes())).unwrap().value.expose_secret(), secret, "{content:?}");
    }
}

#[test]
fn a_file_that_holds_no_secret_is_told_without_its_content() {
    let large = vec![b'x'; usize::try_from(MAX_SECRET).unwrap() + 1];
    for content in [&b""[..], b"\n", b"s3cret\xff", &large] {
        let problem = resolve(&file(content)).unwrap_err();
        assert_eq!(problem.code, Code::SecretMissing);
        assert!(!format!("{problem:?}").contains("s3cret"));
    }
    let absent =
        SecretSource::File("/nonexistent/secret".into()).resolve(&Environment::default()).unwrap_err();
    assert!(
        absent.message.starts_with("cannot use the secret in /nonexistent/secret: "),
        "{}",
        absent.message
    );
    let folder = SecretSource::File("/".into()).resolve(&Environment::default()).unwrap_err();
    assert_eq!(folder.message, "cannot use the secret in /: it is not a regular file");
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_used_with_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let secret = file(b"s3cret");
    for (mode, warned) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
        fs::set_permissions(secret.path(), fs::Permissions::from_mode(mode)).unwrap();
        let warning = resolve(&secret).unwrap().warning;
        assert_eq!(
            warning.as_ref().map(|w| (w.level, w.code)),
            warned.then_some((super::super::Level::Warning, Code::SecretPermissions))
        );
    }
}

#[test]
fn nothing_prints_a_secret() {
    let environment = environment(&[("TOKEN", "s3cret")]);
    let secret = SecretSource::Env("TOKEN".parse().unwrap()).resolve(&environment).unwrap();
    assert_eq!(format!("{environment:?}"), "{\"TOKEN\"}");
    assert!(!format!("{secret:?}").contains("s3cret"));
    for text in [
        "postgres://joe:s3cret@db.example.org:5432/way?sslmode=require",
        "postgresql://joe:s3cret@db.example.org:5432/way?password=s3cret",
    ] {
        let url: DatabaseUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), "postgres://…@db.example.org:5432/way");
        assert!(!format!("{url:?} {}", serde_json::to_string(&url).unwrap()).contains("s3cret"));
        assert_eq!(url.expose(), text);
        assert_eq!(url.kind(), DatabaseKind::Postgres);
    }
}

#[test]
fn database_urls() {
    let of = |text: &str| text.parse::<DatabaseUrl>();
    assert_eq!(
        of("sqlite:state.db").unwrap().rebased(Path::new("/etc/way")).expose(),
        "sqlite:/etc/way/state.db"
    );
    assert_eq!(
        of("sqlite:///var/state.db").unwrap().rebased(Path::new("/etc")).expose(),
        "sqlite:/var/state.db"
    );
    assert_eq!(of("postgres://h/d").unwrap().rebased(Path::new("/etc")).expose(), "postgres://h/d");
    assert_eq!(of("sqlite:a").unwrap().kind(), DatabaseKind::Sqlite);
    for bad in [
        "",
        "state.db",
        "mysql://h/d",
        "sqlite:",
        "sqlite://",
        "sqlite::memory:",
        "sqlite:a?mode=ro",
        "postgres://h:x/d",
        "postgres://h/a\nb",
    ] {
        assert!(of(bad).is_err(), "{bad:?}");
    }
}
