//! The configuration as a whole.

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::json;

use super::*;

mod messages;
mod variables;

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn parse_with(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::parse(Some(("waystation.toml", text.as_bytes())), &environment(variables))
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    parse_with(text, &[])
}

/// Each problem in one line: `line:column code key: message | hint`.
fn told(result: Result<Config, ConfigError>) -> Vec<String> {
    let error = result.expect_err("this configuration is wrong");
    let told = |p: &Problem| {
        let place = match (&p.variable, p.line, p.column) {
            (Some(variable), ..) => variable.clone(),
            (None, Some(line), Some(column)) => format!("{line}:{column}"),
            _ => "-".to_owned(),
        };
        let hint = p.hint.as_ref().map(|hint| format!(" | {hint}")).unwrap_or_default();
        format!("{place} {} {}{hint}", p.code.as_str(), p.message)
    };
    error.problems.iter().map(told).collect()
}

fn docs(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src")).join(path)
}

const EXAMPLE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/operate/waystation.example.toml"));

#[test]
fn no_file_is_every_default() {
    let config = Config::load(None, std::iter::empty()).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:7780");
    assert_eq!(config.database_url().unwrap().0.expose(), "sqlite:./waystation-data/waystation.db");
    assert_eq!(config.checks.schedule.as_str(), "0 */6 * * *");
    assert_eq!(config.checks.schedule.as_str().parse(), Ok(config.checks.schedule.clone()));
    assert_eq!(config.telemetry.log.as_str().parse(), Ok(config.telemetry.log.clone()));
    assert_eq!(config.plugin_limits.memory, ByteSize::mib(64));
    assert_eq!(config.quarantine.max_backoff.duration(), std::time::Duration::from_secs(3_600));
}

#[test]
fn the_default_limits_are_those_of_the_sandbox() {
    let (here, there) = (PluginLimits::default(), waystation_runtime::Limits::default());
    let ceiling = waystation_runtime::Ceiling::default();
    let bytes = |size: usize| ByteSize::new(size.try_into().unwrap());
    assert_eq!([here.memory, here.max_memory], [there.memory, ceiling.memory].map(bytes));
    assert_eq!(
        [here.output, here.log_line, here.kv_value],
        [there.transfer, there.log_line, there.kv_value].map(bytes)
    );
    assert_eq!([here.cpu, here.max_cpu].map(TimeSpan::duration), [there.cpu, ceiling.cpu]);
    assert_eq!([here.wall, here.max_wall].map(TimeSpan::duration), [there.wall, ceiling.wall]);
    assert_eq!(
        [here.http_connect, here.http_total].map(TimeSpan::duration),
        [there.http.connect, there.http.total]
    );
    assert_eq!(
        [here.http_body, here.http_request_body].map(ByteSize::bytes),
        [there.http.response_body, there.http.request_body]
    );
    assert_eq!(
        [here.concurrency, here.queue, here.resources].map(|n| n as usize),
        [there.concurrency, there.queue, there.resources]
    );
    assert_eq!((here.kv_total.bytes(), u64::from(here.kv_keys)), (there.kv_total, there.kv_keys));
    assert_eq!(here.kv_writes_per_call, there.kv_writes_per_call);
    assert_eq!(here.log_lines_per_minute, there.log_lines_per_minute);
    assert_eq!(here.http_requests_per_call, there.http_requests_per_call);
}

#[test]
fn the_default_limits_fit_their_own_bounds() {
    let text = Config::default().to_toml(Secrets::Reveal).unwrap();
    assert_eq!(parse(&text), Ok(Config::default()), "{text}");
}

#[test]
fn the_example_loads_and_shows_each_section() {
    let config = parse(EXAMPLE).unwrap_or_else(|error| panic!("{error}"));
    assert!(!config.plugins.is_empty() && !config.channels.is_empty() && !config.items.is_empty());
    for section in Config::schema()["properties"].as_object().unwrap().keys() {
        assert!(EXAMPLE.contains(&format!("[{section}")), "the example has no [{section}]");
    }
}

#[test]
fn what_is_commented_out_in_the_example_loads_as_well() {
    let uncommented: Vec<&str> =
        EXAMPLE.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).collect();
    assert!(uncommented.join("\n") != EXAMPLE.trim_end(), "nothing is commented out with `#: `");
    parse(&uncommented.join("\n")).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_plugin_gets_its_own_limits_over_the_shared_ones() {
    let text = "plugin_limits.cpu = \"5s\"\n[plugins.a]\nfile = \"a.wasm\"\nlimits = { memory = \"32 MiB\", queue = 0 }";
    let config = parse(text).unwrap();
    let limits = config.limits_of("a");
    assert_eq!((limits.memory, limits.cpu, limits.queue), (ByteSize::mib(32), TimeSpan::seconds(5), 0));
    assert_eq!(config.limits_of("b"), config.plugin_limits);
}

#[test]
fn free_tables_come_through_as_json() {
    let text = "[items.rg]\nsource = \"gh\"\nlocator = \"a/b\"\noptions = { n = 1, f = 1.5, d = 2026-01-02, l = [true, {x = \"y\"}] }\n\
                [plugins.gh]\nfile = \"gh.wasm\"";
    let config = parse(text).unwrap();
    let options = serde_json::to_value(&config.items["rg"].options).unwrap();
    assert_eq!(options, json!({ "n": 1, "f": 1.5, "d": "2026-01-02", "l": [true, { "x": "y" }] }));
}

#[test]
fn relative_paths_start_from_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("waystation.toml");
    let text = "server.data_dir = \"data\"\ndatabase.url = \"sqlite:state.db\"\negress.ca_file = \"/etc/ca.pem\"\n\
                [plugins.a]\nfile = \"a.wasm\"\ncredentials.t = { from = { file = \"t\" }, use = \"hmac\" }";
    std::fs::write(&path, text).unwrap();
    let config = Config::load(Some(&path), std::iter::empty()).unwrap();
    assert_eq!(config.server.data_dir, folder.path().join("data"));
    assert_eq!(
        config.database_url().unwrap().0.expose(),
        format!("sqlite:{}", folder.path().join("state.db").display())
    );
    assert_eq!(config.egress.ca_file, Some(PathBuf::from("/etc/ca.pem")));
    assert_eq!(config.plugins["a"].file, Some(folder.path().join("a.wasm")));
    assert_eq!(config.plugins["a"].credentials["t"].from, SecretSource::File(folder.path().join("t")));
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let error = Config::load(Some(Path::new("/nonexistent/w.toml")), std::iter::empty()).unwrap_err();
    assert_eq!(error.problems[0].code, Code::FileUnreadable);
    assert_eq!(error.problems[0].path.as_deref(), Some("/nonexistent/w.toml"));
}

#[test]
fn the_url_of_the_database_can_be_in_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let config = parse(&format!("database.url_file = {:?}", file.path())).unwrap();
    std::fs::write(file.path(), "postgres://u:s3cret@h/d\n").unwrap();
    assert_eq!(config.database_url().unwrap().0.expose(), "postgres://u:s3cret@h/d");
    std::fs::write(file.path(), "mysql://u:s3cret@h/d\n").unwrap();
    let problem = config.database_url().unwrap_err();
    assert_eq!((problem.code, problem.key.as_str()), (Code::InvalidValue, "database.url_file"));
    assert!(!format!("{problem:?}").contains("s3cret"));
}

#[test]
fn every_secret_that_is_missing_is_told_with_its_key() {
    let text = "[plugins.a]\nfile = \"a\"\ncredentials.t = { from = { env = \"T\" }, use = \"hmac\" }\n\
                credentials.\"x.y\" = { from = { file = \"/nonexistent/x\" }, use = \"hmac\" }\n\
                [server.tls]\ncertificate = \"/nonexistent/c\"\nkey = \"/nonexistent/k\"";
    let config = parse(text).unwrap();
    let keys = |variables: &[(&str, &str)]| -> Vec<String> {
        config.check_secrets(&environment(variables)).into_iter().map(|problem| problem.key).collect()
    };
    let file = "plugins.a.credentials.\"x.y\".from";
    assert_eq!(keys(&[]), ["server.tls.key", "plugins.a.credentials.t.from", file]);
    assert_eq!(keys(&[("T", "s3cret")]), ["server.tls.key", file]);
}

#[test]
fn the_reference_page_is_current() {
    let (page, made) = (docs("reference/configuration.md"), Config::reference_markdown());
    if std::env::var_os("WAYSTATION_UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(page.parent().unwrap()).unwrap();
        std::fs::write(&page, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&page).unwrap();
    assert!(committed == made, "run the tests with WAYSTATION_UPDATE_DOCS=1 to write {}", page.display());
}

#[test]
fn every_key_is_documented() {
    fn visit(path: &str, shape: &shape::Shape, count: &mut usize) {
        use shape::Shape;
        match shape {
            Shape::Record(fields) | Shape::OneOf(fields) => {
                for (key, field) in fields {
                    *count += 1;
                    assert!(field.about.ends_with('.'), "{path}.{key}: {:?}", field.about);
                    visit(&format!("{path}.{key}"), &field.shape, count);
                }
            }
            Shape::Names { each, .. } | Shape::List { each, .. } => visit(path, each, count),
            _ => {}
        }
    }
    let mut count = 0;
    visit("", &load::shape().unwrap(), &mut count);
    assert!(count > 80, "{count}");
}

#[test]
fn bounds_in_the_schema_are_values_of_their_format() {
    fn visit(schema: &Json, count: &mut usize) {
        for bound in ["x-min", "x-max"] {
            if let Some(text) = schema.get(bound).and_then(Json::as_str) {
                let format = text::Format::named(schema["format"].as_str().unwrap()).unwrap();
                assert!((format.check)(text).unwrap().is_some(), "{text}");
                *count += 1;
            }
        }
        match schema {
            Json::Object(fields) => fields.values().for_each(|schema| visit(schema, count)),
            Json::Array(items) => items.iter().for_each(|schema| visit(schema, count)),
            _ => {}
        }
    }
    let mut count = 0;
    visit(&Config::schema(), &mut count);
    assert!(count > 40, "{count}");
}

#[test]
fn the_schema_has_no_null() {
    let schema = Config::schema().to_string();
    assert!(!schema.contains("null"), "{schema}");
}

/// A line of some configuration, right or wrong.
fn line() -> impl Strategy<Value = String> {
    let header = prop::sample::select(vec![
        "[server]",
        "[database]",
        "[egress]",
        "[plugin_limits]",
        "[quarantine]",
        "[checks]",
        "[telemetry]",
        "[plugins.a]",
        "[plugins.a.limits]",
        "[[plugins.a.grants.http]]",
        "[plugins.a.credentials.t]",
        "[channels.c]",
        "[items.\"x/y\"]",
        "[plugins",
        "[[server]]",
    ]);
    let key = prop::sample::select(vec![
        "listen",
        "url",
        "memory",
        "kv_total",
        "backoff",
        "schedule",
        "log",
        "file",
        "config",
        "origin",
        "from",
        "use",
        "plugin",
        "source",
        "locator",
        "policy",
        "enabled",
        "mode",
        "events",
        "concurrency",
        "wall",
        "lisen",
        "grants.kv",
        "\"\"",
        "options.deep.er",
    ]);
    let value = prop::sample::select(vec![
        "\"a\"",
        "1",
        "-1",
        "true",
        "1.5",
        "nan",
        "[]",
        "[\"GET\"]",
        "{}",
        "{ env = \"X\" }",
        "\"30s\"",
        "\"1 MiB\"",
        "\"https://a.example\"",
        "\"127.0.0.1:1\"",
        "2026-01-01",
        "99999999999999999999",
        "\"*/5 * * * *\"",
        "\"postgres://u:p@h/d\"",
        "{ x = [1, { y = 2026-01-01T00:00:00Z }] }",
        "\"hmac\"",
        "\"",
        "[\"release.found\"]",
    ]);
    prop_oneof![1 => header.prop_map(str::to_owned), 2 => (key, value).prop_map(|(k, v)| format!("{k} = {v}"))]
}

/// Sections that load, in any combination.
fn section() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "[server]\nlisten = \"[::]:1\"\npublic_url = \"https://a.example\"\nshutdown_grace = \"90s\"\nheader_timeout = \"100ms\"\n\
         [identity.oidc.corp]\nissuer = \"https://id.example/\"\nclient_id = \"ws\"\nclient_secret = { env = \"S\" }\n\
         second_factor = \"provider\"\njoin = { claim = \"groups\", values = [\"ops\"], roles = [\"viewer\"] }\n",
        "[server.tls]\nenabled = true\nnames = [\"a.example\", \"::1\"]\n[server.proxy]\ntrusted = [\"10.0.0.0/8\"]\ncertificate_header = \"client-cert\"\nlegacy_authorities = [\"old.pem\"]\n",
        "[pki]\norganization = \"Müller & Söhne\"\ntrust_domain = \"fleet.example\"\nrevoked = \"revoked.txt\"\n",
        "[database]\nurl = \"postgres://u:p%40@h:5/d?sslmode=require\"\n",
        "[egress]\nallow_private_addresses = true\nca_file = \"ca.pem\"\n",
        "[plugin_limits]\nmemory = 16777216\nmax_memory = \"1 GiB\"\nhttp_total = \"1h\"\nkv_total = \"1 TiB\"\n",
        "[quarantine]\nfailures = 1\nbackoff = \"1s\"\nmax_backoff = \"1s\"\n",
        "[checks]\nschedule = \"@daily\"\njitter = \"0s\"\n",
        "[telemetry]\nlog = \"info,a=debug\"\nlog_format = \"json\"\notlp_endpoint = \"http://o:4317\"\n",
        "[plugins.x]\nfile = \"x.wasm\"\non_failure = \"open\"\nconfig = { a = [1, 1.0, \"\\u0000\", { b = 1979-05-27 }], e = {} }\n\
         [[plugins.x.grants.http]]\norigins = [\"https://*.A.example\", \"http://[::1]:8080\"]\nmethods = [\"POST\"]\nmode = \"audit\"\n\
         [plugins.x.credentials.\"t.1\"]\nfrom = { file = \"t\" }\norigin = \"https://b.a.example\"\nprefix = \"Bearer \"\n\
         [plugins.x.limits]\nmemory = \"1 MiB\"\nconcurrency = 1\n",
        "[plugins.y]\nfile = \"y.wasm\"\nenabled = false\ngrants.kv = true\ncredentials.k = { from = { env = \"K\" }, use = \"hmac\" }\n\
         [channels.c]\nplugin = \"y\"\nevents = [\"release.found\"]\nmin_severity = \"critical\"\n\
         [items.\"a@/b.c\"]\nsource = \"y\"\nlocator = \"ä b\"\nscheme = \"oci-tag\"\npolicy = { prereleases = true }\noptions = { p = { q = -9223372036854775808 } }\n",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = Config::parse(Some(("f", &bytes)), &Environment::default()) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in "[\\[\\]{}=\"'.,#a-c\n\t äé0-9_-]{0,80}") {
        if let Err(error) = parse(&text) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn lines_in_any_order_never_panic_and_never_show_a_password(lines in prop::collection::vec(line(), 0..12)) {
        match parse(&lines.join("\n")) {
            Ok(config) => {
                let again = config.to_toml(Secrets::Reveal).unwrap();
                prop_assert_eq!(parse(&again), Ok(config));
            }
            Err(error) => {
                prop_assert!(!error.problems.is_empty());
                prop_assert!(!error.to_string().contains("u:p"), "{}", error);
                prop_assert!(!error.to_string().contains("defect"), "{}", error);
            }
        }
    }

    #[test]
    fn what_loads_reads_back_equal(sections in prop::collection::btree_set(section(), 0..11)) {
        let text: String = sections.into_iter().collect();
        let config = parse(&text).unwrap();
        let again = config.to_toml(Secrets::Reveal).unwrap();
        prop_assert_eq!(parse(&again), Ok(config.clone()), "{}", again);
        let shown = config.to_toml(Secrets::Redact).unwrap();
        let debug = format!("{config:?}");
        prop_assert!(!shown.contains("p%40") && !debug.contains("p%40"));
    }
}
