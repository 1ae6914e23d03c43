//! Settings from the environment.

use super::*;

#[test]
fn a_variable_wins_over_the_file() {
    let text = "[server]\nlisten = \"127.0.0.1:1\"\n[plugins.git-hub]\nfile = \"a\"\n[plugins.git-hub.credentials.a_b]\n\
                from = { env = \"X\" }\nuse = \"hmac\"\n[items.\"x/y\"]\nsource = \"git-hub\"\nlocator = \"l\"";
    let config = parse_with(
        text,
        &[
            ("WAYSTATION_SERVER__LISTEN", "0.0.0.0:2"),
            ("WAYSTATION_QUARANTINE__FAILURES", "7"),
            ("WAYSTATION_EGRESS__ALLOW_PRIVATE_ADDRESSES", "true"),
            ("WAYSTATION_PLUGIN_LIMITS__MEMORY", "1048576"),
            ("WAYSTATION_TELEMETRY__LOG_FORMAT", "json"),
            ("WAYSTATION_PLUGINS__GIT_HUB__ENABLED", "false"),
            ("WAYSTATION_PLUGINS__GIT_HUB__CREDENTIALS__A_B__FROM__FILE", "/s"),
            ("WAYSTATION_ITEMS__X_Y__LOCATOR", "m"),
            ("WAYSTATION_PLUGINS__NEW_ONE__FILE", "new.wasm"),
            ("WAYSTATION_CHECKS__JITTER", ""),
            ("WAYSTATION_CONFIG", "waystation.toml"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.server.listen.port(), 2);
    assert_eq!(config.quarantine.failures, 7);
    assert!(config.egress.allow_private_addresses);
    assert_eq!(config.plugin_limits.memory, ByteSize::mib(1));
    assert_eq!(config.telemetry.log_format, LogFormat::Json);
    assert!(!config.plugins["git-hub"].enabled);
    assert_eq!(config.plugins["git-hub"].credentials["a_b"].from, SecretSource::File("/s".into()));
    assert_eq!(config.items["x/y"].locator, "m");
    assert_eq!(config.plugins["new-one"].file, Some(PathBuf::from("new.wasm")));
    assert_eq!(config.checks.jitter, TimeSpan::seconds(900));
}

#[test]
fn the_url_of_the_database_has_a_short_variable_that_wins_over_the_file() {
    let variables = [("WAYSTATION_DATABASE_URL", "postgres://u:s3cret@h/d")];
    for text in ["", "database.url = \"sqlite:a\"", "database.url_file = \"/run/url\""] {
        let config = parse_with(text, &variables).unwrap();
        assert_eq!(config.database_url().unwrap().0.expose(), "postgres://u:s3cret@h/d");
        assert!(!format!("{config:?}").contains("s3cret"));
    }
    let config =
        parse_with("database.url = \"sqlite:a\"", &[("WAYSTATION_DATABASE__URL_FILE", "/run/url")]).unwrap();
    assert_eq!(config.database, Database { url: None, url_file: Some("/run/url".into()) });
}

#[test]
fn the_secret_of_a_credential_may_have_any_name() {
    let text = "[plugins.a]\nfile = \"a\"\ncredentials.t = { from = { env = \"WAYSTATION_SECRET__T\" }, use = \"hmac\" }";
    assert!(parse_with(text, &[("WAYSTATION_SECRET__T", "s3cret")]).is_ok());
    let moved = [
        ("WAYSTATION_PLUGINS__A__CREDENTIALS__T__FROM__ENV", "WAYSTATION_OTHER__T"),
        ("WAYSTATION_OTHER__T", "s3cret"),
        ("WAYSTATION_SECRET__T", "s3cret"),
    ];
    assert!(parse_with(text, &moved).is_ok());
}

#[test]
fn a_variable_that_is_no_setting_is_told_and_its_value_is_not() {
    let text = "[plugins.a]\nfile = \"a\"";
    for (variable, expected) in [
        (
            "WAYSTATION_SERVER__LISTN",
            "unknown-variable the environment variable WAYSTATION_SERVER__LISTN is not a setting \
             | did you mean WAYSTATION_SERVER__LISTEN?",
        ),
        (
            "WAYSTATION_SEVER__LISTEN",
            "unknown-variable the environment variable WAYSTATION_SEVER__LISTEN is not a setting \
             | did you mean WAYSTATION_SERVER__LISTEN?",
        ),
        (
            "WAYSTATION_QUARANTINE__COLOUR",
            "unknown-variable the environment variable WAYSTATION_QUARANTINE__COLOUR is not a setting \
             | after WAYSTATION_QUARANTINE__ it can go on with BACKOFF, FAILURES, MAX_BACKOFF",
        ),
        (
            "WAYSTATION_SERVER__LISTEN__PORT",
            "unknown-variable the environment variable WAYSTATION_SERVER__LISTEN__PORT is not a setting \
             | `server.listen` is a single value",
        ),
        (
            "WAYSTATION_PLUGINS__a__FILE",
            "unknown-variable the environment variable WAYSTATION_PLUGINS__a__FILE is not a setting \
             | a is not a name in capitals with _ for every other mark",
        ),
        (
            "WAYSTATION_PLUGINS__A__CONFIG__TOPIC",
            "not-scalar the environment variable WAYSTATION_PLUGINS__A__CONFIG__TOPIC is for a key that holds no single \
             value | set `plugins.a.config` in the file: a variable sets one string, number or boolean",
        ),
        ("WAYSTATION_PLUGINS__A", ""),
    ] {
        let result = parse_with(text, &[(variable, "s3cret")]);
        if expected.is_empty() {
            assert_eq!(told(result)[0].split(' ').nth(1), Some("not-scalar"));
            continue;
        }
        assert!(!format!("{result:?}").contains("s3cret"));
        assert_eq!(told(result), [format!("{variable} {expected}")]);
    }
}

#[test]
fn a_value_that_does_not_fit_is_told_with_its_variable() {
    let variables = [
        ("WAYSTATION_DATABASE_URL", "mysql://u:s3cret@h/d"),
        ("WAYSTATION_EGRESS__ALLOW_PRIVATE_ADDRESSES", "yes"),
        ("WAYSTATION_PLUGINS__NTFI__ENABLED", "true"),
        ("WAYSTATION_QUARANTINE__FAILURES", "0"),
        ("WAYSTATION_SERVER__LISTEN", "localhost:80"),
    ];
    let result = parse_with("[plugins.ntfy]\nfile = \"n.wasm\"", &variables);
    assert!(!format!("{result:?}").contains("s3cret"));
    assert_eq!(
        told(result),
        [
            "WAYSTATION_DATABASE_URL invalid-value `database.url` must start with \"sqlite:\" or \"postgres://\"",
            "WAYSTATION_EGRESS__ALLOW_PRIVATE_ADDRESSES wrong-type `egress.allow_private_addresses` must be a boolean, \
             not a string | write true or false, without quotes",
            "WAYSTATION_PLUGINS__NTFI__ENABLED missing-key `plugins.ntfi` needs the key `file`, `oci` or `name` | add where it \
             comes from: `file = \"NAME-VERSION.plugin.tar\"`",
            "WAYSTATION_QUARANTINE__FAILURES out-of-range `quarantine.failures` must be from 1 to 1000, not 0",
            "WAYSTATION_SERVER__LISTEN invalid-value `server.listen` must be an IP address and a port such as \
             \"127.0.0.1:7780\" or \"[::]:7780\", not \"localhost:80\" | did you mean \"127.0.0.1:80\"?",
        ]
    );
}

#[test]
fn two_variables_for_the_same_key_must_agree() {
    let both = |a, b| parse_with("", &[("WAYSTATION_DATABASE_URL", a), ("WAYSTATION_DATABASE__URL", b)]);
    assert!(both("sqlite:a", "sqlite:a").is_ok());
    let told = told(both("sqlite:a", "sqlite:b"));
    assert!(told[0].starts_with("WAYSTATION_DATABASE_URL conflict"), "{told:?}");
}

#[test]
fn a_variable_that_is_nearly_one_of_ours_is_told() {
    for (variable, meant) in [
        ("WAYSTATION_SERVER_LISTEN", "WAYSTATION_SERVER__LISTEN"),
        ("WAYSTATION_DATABSE_URL", "WAYSTATION_DATABASE_URL"),
        ("WAYSTATION_DATABASE_URL_FILE", "WAYSTATION_DATABASE__URL_FILE"),
        ("WAYSTATION_CONFG", "WAYSTATION_CONFIG"),
        ("WAYSTATION_TOKENFILE", "WAYSTATION_TOKEN_FILE"),
        ("WAYSTATION_PLUGIN_LIMITS_MEMORY", "WAYSTATION_PLUGIN_LIMITS__MEMORY"),
    ] {
        let expected = format!(
            "{variable} unknown-variable the environment variable {variable} is not a setting | did you mean {meant}?"
        );
        assert_eq!(told(parse_with("", &[(variable, "x")])), [expected]);
    }
    // What an orchestrator names after its services, and the variables of the command line.
    let others = [
        "WAYSTATION_PORT",
        "WAYSTATION_PORT_7780_TCP",
        "WAYSTATION_PORT_7780_TCP_ADDR",
        "WAYSTATION_SERVICE_HOST",
        "WAYSTATION_SERVICE_PORT",
        "WAYSTATION_CONFIG",
        "WAYSTATION_PLUGINS",
        "WAYSTATION_TOKEN_FILE",
        "WAYSTATION_URL",
    ];
    assert!(parse_with("", &others.map(|name| (name, "x"))).is_ok());
    let secret = "[plugins.a]\nfile = \"a\"\ncredentials.t = { from = { env = \"WAYSTATION_TOKEN\" }, use = \"hmac\" }";
    assert!(parse_with(secret, &[("WAYSTATION_TOKEN", "s3cret")]).is_ok());
}
