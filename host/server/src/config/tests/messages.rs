//! What a person reads. Each case is a file and everything that is told about it.

use super::*;

const CASES: &[(&str, &[&str])] = &[
    (
        "[server]\nlistn = \"127.0.0.1:1\"",
        &["2:1 unknown-key `server.listn` is not a known key | did you mean `listen`?"],
    ),
    (
        "[server]\nport = 80",
        &["2:1 unknown-key `server.port` is not a known key | valid keys here: `data_dir`, \
             `header_timeout`, `listen`, `max_connections`, `proxy`, \
             `public_url`, `shutdown_grace`, `tls`"],
    ),
    (
        "[server]\nallow_private_addresses = true",
        &["2:1 unknown-key `server.allow_private_addresses` is not a known key | \
             `allow_private_addresses` is a key of [egress]"],
    ),
    (
        "[sever]\nlisten = \"127.0.0.1:1\"",
        &["1:2 unknown-key `sever` is not a known key | did you mean `server`?"],
    ),
    (
        "[server]\nlisten = 7780\nshutdown_grace = 30\npublic_url = true",
        &[
            "2:10 invalid-value `server.listen` must be an IP address and a port such as \
             \"127.0.0.1:7780\" or \"[::]:7780\", not \"7780\" | did you mean \"127.0.0.1:7780\"?",
            "3:18 invalid-value `server.shutdown_grace` must be a duration with units, largest first, \
             such as \"30s\" or \"1h30m\", not \"30\" | did you mean \"30s\"?",
            "4:14 wrong-type `server.public_url` must be a string, not a boolean | put it in quotes",
        ],
    ),
    (
        "server = 1\n[[egress]]",
        &[
            "1:10 wrong-type `server` must be a table, not an integer",
            "2:1 wrong-type `egress` must be a table, not an array",
        ],
    ),
    (
        "[plugin_limits]\nmemory = \"64MB\"\ncpu = \"0s\"\nqueue = -1\nwall = \"5 minutes\"\n\
         max_memory = \"8 GiB\"",
        &[
            "2:10 invalid-value `plugin_limits.memory` must be a whole number of bytes with a unit, such \
             as \"64 MiB\" or \"8 KiB\", not \"64MB\" | did you mean \"64 MiB\"?",
            "3:7 out-of-range `plugin_limits.cpu` must be from 10ms to 1h, not \"0s\"",
            "4:9 out-of-range `plugin_limits.queue` must be from 0 to 65536, not -1",
            "5:8 invalid-value `plugin_limits.wall` must be a duration with units, largest first, such as \
             \"30s\" or \"1h30m\", not \"5 minutes\"",
            "6:14 out-of-range `plugin_limits.max_memory` must be from 1 MiB to 4 GiB, not \"8 GiB\"",
        ],
    ),
    (
        "[plugin_limits]\nmemory = \"512 MiB\"\nkv_value = \"64 MiB\"\nkv_total = \"1 MiB\"",
        &[
            "2:10 over-ceiling `plugin_limits.memory` (512 MiB) is above `plugin_limits.max_memory` (256 \
             MiB) | lower `plugin_limits.memory` or raise `plugin_limits.max_memory`",
            "3:12 out-of-range `plugin_limits.kv_value` (64 MiB) is above `plugin_limits.kv_total` (1 \
             MiB) | lower `plugin_limits.kv_value` or raise `plugin_limits.kv_total`",
        ],
    ),
    (
        "[plugins.a]\nfile = \"a\"\nlimits = { memory = \"1 GiB\", http_connect = \"2m\" }",
        &[
            "3:21 over-ceiling `plugins.a.limits.memory` (1 GiB) is above `plugin_limits.max_memory` (256 \
             MiB) | lower `plugins.a.limits.memory` or raise `plugin_limits.max_memory`",
            "3:45 out-of-range `plugins.a.limits.http_connect` (2m) is above \
             `plugins.a.limits.http_total` (1m) | lower `plugins.a.limits.http_connect` or raise \
             `plugins.a.limits.http_total`",
        ],
    ),
    (
        "[plugin_limits]\nmax_memory = \"big\"\nmemory = \"1 GiB\"",
        &["2:14 invalid-value `plugin_limits.max_memory` must be a whole number of bytes with a unit, \
             such as \"64 MiB\" or \"8 KiB\", not \"big\""],
    ),
    (
        "[quarantine]\nbackoff = \"2h\"",
        &["2:11 out-of-range `quarantine.backoff` (2h) is above `quarantine.max_backoff` (1h) | lower \
             `quarantine.backoff` or raise `quarantine.max_backoff`"],
    ),
    (
        "[quarantine]\nmax_backoff = \"1s\"",
        &["2:15 out-of-range `quarantine.backoff` (30s) is above `quarantine.max_backoff` (1s) | lower \
             `quarantine.backoff` or raise `quarantine.max_backoff`"],
    ),
    (
        "[enrolment]\nlife = \"8d\"",
        &["2:8 out-of-range `enrolment.life` (8d) is above `enrolment.max_life` (7d) | lower \
             `enrolment.life` or raise `enrolment.max_life`"],
    ),
    (
        "[checks]\nschedule = \"every day\"",
        &["2:12 invalid-value `checks.schedule` must be a cron expression such as \"0 */6 * * *\", not \
             \"every day\" | \"every day\" is not a cron expression (Invalid pattern: Pattern must have \
             between 5 and 7 fields.); write five fields such as \"0 */6 * * *\""],
    ),
    (
        "[telemetry]\nlog = \"loud\"\nlog_format = \"jsno\"",
        &[
            "2:7 invalid-value `telemetry.log` must be off, error, warn, info, debug or trace, or a list \
             such as \"info,waystation_egress=debug\", not \"loud\"",
            "3:14 invalid-value `telemetry.log_format` must not be \"jsno\" | did you mean \"json\"? It \
             can be `text`, `json`",
        ],
    ),
    (
        "[database]\nurl = \"sqlite:a\"\nurl_file = \"b\"",
        &["3:12 conflict `database.url` and `database.url_file` are both set | keep one of them"],
    ),
    (
        "[identity.oidc.corp]\nissuer = \"https://id.example\"\nclient_id = \"x\"\njoin = { claim = \"g\", values = [\"a\"], roles = [\"A b\"] }",
        &[
            "1:16 missing-key `identity.oidc.corp` sends people back to `server.public_url`, which is not set | add \
             it: the URL under which their browsers reach this host",
            "4:48 invalid-value `identity.oidc.corp.join.roles`: a role name must be 1 to 128 characters, start with \
             a-z or 0-9 and hold only a-z, 0-9 and ._-; choose such a name",
        ],
    ),
    (
        "server.public_url = \"https://a.example\"\n[identity.oidc.corp]\nissuer = \"http://id.example\"\nclient_id = \"\"\nsecret = \"x\"",
        &[
            "3:10 invalid-value `identity.oidc.corp.issuer` must be an https URL such as \
             \"https://id.example.org\"; http is for this machine only, not \"http://id.example\"",
            "4:13 invalid-value `identity.oidc.corp.client_id` must be 1 to 512 bytes without control characters, not \"\"",
            "5:1 unknown-key `identity.oidc.corp.secret` is not a known key | valid keys here: `ca_file`, `client_id`, \
             `client_secret`, `issuer`, `join`, `scopes`, `second_factor`, `title`",
        ],
    ),
    (
        "[server.tls]\nkey = \"k.pem\"",
        &["2:7 missing-key `server.tls.key` is set and `server.tls.certificate` is not | add \
             `server.tls.certificate`, or remove both for a certificate of the host's own authority"],
    ),
    (
        "[server.proxy]\ncertificate_header = \"x-ssl-client\"\nlegacy_authorities = [\"a.pem\"]",
        &[
            "2:22 missing-key `server.proxy.certificate_header` is set and `server.proxy.trusted` is empty | \
             name the proxies that may send it",
            "3:22 conflict `server.proxy.legacy_authorities` has no meaning without whole certificates | set \
             `server.proxy.certificate_header` to a header that holds them, or remove it",
        ],
    ),
    (
        "[server.proxy]\ntrusted = [\"0.0.0.0/0\"]",
        &[
            "2:12 invalid-value `server.proxy.trusted[0]` must not stand for every address; name the networks \
             that are needed, not \"0.0.0.0/0\"",
        ],
    ),
    (
        "[plugins.My_Plugin]\nfile = \"\"",
        &[
            "1:10 invalid-value `plugins.My_Plugin` must be named with words of a-z and 0-9 joined by \
             single hyphens (63 characters at most) | did you mean \"my-plugin\"?",
            "2:8 invalid-value `plugins.My_Plugin.file` must be a path: not empty, no NUL byte, not \"\"",
        ],
    ),
    (
        "[plugins.a]\nfile = \"a\"\noci = \"r.example/a:1\"\n[plugins.b]\noci = \"r.example/a\"\n\
         [plugins.c]\nfile = \"c\"\nversion = \"^1\"\n[plugins.d]\nname = \"tool\"\n[plugins.e]\nname = \"acme/tool\"\n\
         [plugins.f]\nname = \"acme/tool\"\nversion = \"newest\"\nindex = \"mian\"",
        &[
            "3:7 conflict `plugins.a` has both `file` and `oci` | keep one: where the plugin comes from",
            "5:7 invalid-value `plugins.b.oci` must name a tag or a digest, not \"r.example/a\" | did you mean \
             \"r.example/a:1.0.0\"?",
            "8:11 conflict `plugins.c.version` has no meaning without `name` | remove `version`",
            "10:8 invalid-value `plugins.d.name` must be what the plugin calls itself, such as \
             \"waystation/http-json\", not \"tool\"",
            "12:8 unknown-reference `plugins.e.name` is in an index, and there is no index | add [indexes.NAME] with \
             its `url` and `root`",
            "15:11 invalid-value `plugins.f.version` must be a range of versions such as \"^1.2\", not \"newest\" | \
             unexpected character 'n' while parsing major version number",
            "16:9 unknown-reference `plugins.f.index` names the index `mian`, which is not there | add [indexes.mian]",
        ],
    ),
    (
        "[indexes.a]\nroot = \"r\"\n[indexes.b]\nurl = \"https://i.example/\"\npath = \"p\"\nroot = \"r\"\n\
         [registries.\"r.example\"]\nuser = \"u\"\n[registries.\"https://r.example\"]\n[trust]\nrecheck = \"1h\"\ndev = [\"\"]",
        &[
            "1:10 missing-key `indexes.a` needs the key `url` or `path` | add `url = \"https://…\"`",
            "5:8 conflict `indexes.b` has both `url` and `path` | keep one",
            "8:8 missing-key `registries.\"r.example\"` has a `user` and no `password` | add `password = { file = \"…\" }`",
            "9:13 invalid-value `registries.\"https://r.example\"` must be a registry's host, with a port where it has \
             one, without a scheme",
            "11:11 out-of-range `trust.recheck` must be from 1s to 1m, not \"1h\"",
            "12:8 invalid-value `trust.dev[0]` must be a path: not empty, no NUL byte, not \"\"",
        ],
    ),
    (
        "[plugins.a]\nfile = \"a\"\non_failure = \"ignore\"\ndigest = \"sha256:12\"\nconfig = 1",
        &[
            "3:14 invalid-value `plugins.a.on_failure` must not be \"ignore\" | it can be `closed`, \
             `skip`, `open`",
            "4:10 invalid-value `plugins.a.digest` must be \"sha256:\" and 64 lower-case hex digits, not \
             \"sha256:12\"",
            "5:10 wrong-type `plugins.a.config` must be a table, not an integer",
        ],
    ),
    (
        "[plugins.a]\n[plugins.a.grants]\nkv = \"yes\"\nhttp = { origin = \"https://a.example\" }",
        &[
            "1:10 missing-key `plugins.a` needs the key `file`, `oci` or `name` | add where it \
             comes from: `file = \"NAME-VERSION.plugin.tar\"`",
            "3:6 wrong-type `plugins.a.grants.kv` must be a boolean, not a string | write true or false, \
             without quotes",
            "4:8 wrong-type `plugins.a.grants.http` must be an array, not a table | use double brackets \
             for the header: [[…]]",
        ],
    ),
    (
        "[plugins.a]\nfile = \"a\"\n[[plugins.a.grants.http]]\norigin = \"https://a.example/v1\"\n\
         methods = [\"get\"]\n[[plugins.a.grants.http]]\norigin = \"a.example\"\nmethods = []\n\
         headers = [\"host\"]\naddresses = [\"10.0.0.1/8\"]",
        &[
            "4:10 invalid-value `plugins.a.grants.http[0].origin` must be an origin such as \
             \"https://api.example.org\", not \"https://a.example/v1\" | it has a path; an origin is scheme, \
             host and port only, without a final slash; did you mean \"https://a.example\"?",
            "5:12 invalid-value `plugins.a.grants.http[0].methods[0]` must be an HTTP method in capitals \
             such as \"GET\", not \"get\" | did you mean \"GET\"?",
            "7:10 invalid-value `plugins.a.grants.http[1].origin` must be an origin such as \
             \"https://api.example.org\", not \"a.example\" | it needs a scheme, a host and perhaps a port, \
             as in https://example.org; did you mean \"https://a.example\"?",
            "8:11 invalid-value `plugins.a.grants.http[1].methods` must not be empty | leave the key out \
             to get its default",
            "9:12 invalid-value `plugins.a.grants.http[1].headers[0]` must not be a header that the host \
             sets itself, not \"host\"",
            "10:14 invalid-value `plugins.a.grants.http[1].addresses[0]` must have no bits set beyond its \
             prefix, not \"10.0.0.1/8\" | did you mean \"10.0.0.0/8\"?",
        ],
    ),
    (
        "[plugins.a]\nfile = \"a\"\n[[plugins.a.grants.http]]\norigin = \"https://a.example\"\n\
         origins = [\"https://b.example\"]\n[[plugins.a.grants.http]]\nmethods = [\"GET\"]\n\
         [[plugins.a.grants.http]]\nmode = \"audit\"\naddresses = [\"10.0.0.0/8\"]",
        &[
            "4:10 conflict `plugins.a.grants.http[0]` has both `origin` and `origins` | put all of them \
             into `origins`",
            "6:1 missing-key `plugins.a.grants.http[1]` allows nothing | add `origin = \"https://…\"`",
            "10:13 conflict `plugins.a.grants.http[2].addresses` opens nothing on this host | set \
             `egress.allow_private_addresses = true` as well, or remove it",
        ],
    ),
    (
        "[plugins.a]\nfile = \"a\"\n[plugins.a.credentials.t]\nfrom = { env = \"X\" }\n\
         origin = \"https://a.example\"\n[plugins.a.credentials.u]\nfrom = { env = \"$X\" }\n\
         [plugins.a.credentials.v]\nfrom = { env = \"X\", file = \"y\" }\n[plugins.a.credentials.w]\n\
         from = { enw = \"X\" }\n[plugins.a.credentials.x]\nfrom = \"X\"\n[plugins.a.credentials.y]\n\
         from = { env = \"X\" }\n[plugins.a.credentials.z]\nfrom = { env = \"X\" }\nuse = \"hmac\"\n\
         header = \"a\"",
        &[
            "5:10 unknown-reference `plugins.a.credentials.t` is for https://a.example, which no grant of \
             the plugin allows | add [[plugins.a.grants.http]] with `origin = \"https://a.example\"`",
            "7:16 invalid-value `plugins.a.credentials.u.from.env` must be the name of an environment \
             variable (A-Z, 0-9 and _), not \"$X\" | did you mean \"X\"?",
            "9:8 conflict `plugins.a.credentials.v.from` must have exactly one of the keys `env`, `file`",
            "11:10 unknown-key `plugins.a.credentials.w.from.enw` is not a known key | did you mean `env`?",
            "13:8 wrong-type `plugins.a.credentials.x.from` must be a table, not a string",
            "14:24 missing-key `plugins.a.credentials.y` needs the key `origin` | add `origin = \
             \"https://…\"`: the only origin the secret is sent to",
            "19:10 conflict `plugins.a.credentials.z.header` has no meaning with `use = \"hmac\"`: the \
             secret is never sent | remove `header`",
        ],
    ),
    (
        "[channels.c]\nplugin = \"ntfi\"\nevents = [\"release.fuond\"]\nmin_severity = \"low\"\n\
         [plugins.ntfy]\nfile = \"n\"",
        &[
            "2:10 unknown-reference `channels.c.plugin` names the plugin `ntfi`, which is not there | did \
             you mean `ntfy`?",
            "3:11 invalid-value `channels.c.events[0]` must not be \"release.fuond\" | did you mean \
             \"release.found\"? It can be `release.found`, `release.withdrawn`, `item.outdated`, \
             `item.current`, `item.added`, `item.changed`, `item.removed`, `check.failed`, \
             `check.recovered`, `plugin.quarantined`, `plugin.state`, `plugin.installed`, `plugin.upgraded`, \
             `plugin.granted`, `plugin.revoked`, `trust.state`, `approval.waiting`, `approval.decided`",
            "4:16 invalid-value `channels.c.min_severity` must not be \"low\" | it can be `info`, \
             `notice`, `warning`, `critical`",
        ],
    ),
    (
        "[channels.c]\nplugin = \"ntfy\"\nevents = []\n[plugins.ntfy]\nenabled = true",
        &[
            "3:10 invalid-value `channels.c.events` must not be empty | leave the key out to get its \
             default",
            "4:10 missing-key `plugins.ntfy` needs the key `file`, `oci` or `name` | add where it \
             comes from: `file = \"NAME-VERSION.plugin.tar\"`",
        ],
    ),
    (
        "[channels.c]\nplugin = \"ntfi\"\n[items.x]\nsource = \"gone\"\nlocator = \"l\"\n\
         [plugins.ntfy]\nfile = \"n\"",
        &[
            "2:10 unknown-reference `channels.c.plugin` names the plugin `ntfi`, which is not there | did \
             you mean `ntfy`?",
            "4:10 unknown-reference `items.x.source` names the plugin `gone`, which is not there | add \
             [plugins.gone] with its `file`",
        ],
    ),
    (
        "[items.x]\nsource = \"p\"\nlocator = \"\"\nscheme = \"semantic\"\n\
         options = { a = [nan, 99999999999999999999] }\n[plugins.p]\nfile = \"p\"",
        &[
            "3:11 invalid-value `items.x.locator` must be 1 to 512 bytes without control characters, not \"\"",
            "4:10 invalid-value `items.x.scheme` must not be \"semantic\" | it can be `semver`, `debian`, \
             `rpm`, `pep440`, `maven`, `calver`, `oci-tag`, `loose`",
            "5:18 invalid-value `items.x.options.a[0]` must be a finite number that fits into 64 bits",
            "5:23 invalid-value `items.x.options.a[1]` must be a finite number that fits into 64 bits",
        ],
    ),
    (
        "[server]\nlisten = 127.0.0.1:7780\n[egress\nca_file = \"x",
        &[
            "2:15 syntax this is not TOML: invalid float | text stands in quotes: key = \"value\"",
            "3:8 syntax this is not TOML: unclosed table, expected `]`",
        ],
    ),
    (
        "[server]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"",
        &["3:1 syntax this is not TOML: duplicate key"],
    ),
    (
        "[plugins.a]\nfile = \"a\"\n[[plugins.a.grants.http]]\norigin = \"https://a.example\"\n\
         methods = [\"GET\", \"PUT\", \"GET\"]",
        &["5:26 conflict `plugins.a.grants.http[0].methods` lists GET twice | remove one"],
    ),
    (
        "[plugins.a]\nfile = \"a\"\n[items.x]\nsource = \"a\"\nlocator = \"l\"\npolicy.prerelease = true",
        &["6:1 invalid-value `items.x.policy` is not a policy: unknown field `prerelease`, expected one of \
             `channel`, `variant`, `prereleases`, `pin`, `minimum_age`, `ignore`"],
    ),
];

#[test]
fn problems_are_told_all_at_once_with_places_and_guesses() {
    for (text, expected) in CASES {
        assert_eq!(told(parse(text)), *expected, "{text}");
    }
}

#[test]
fn a_problem_is_shown_with_its_line() {
    let text = "[server]\nlisten = \"127.0.0.1:1\"\n\n[database]\nurl = \"postgres://joe:s3cret@h/d\"\nulr = \"s3cret\"\n\
                [plugins.a]\n\tfile = 1 # ü\n";
    let error = parse_with(text, &[("WAYSTATION_CHECKS__CONCURRENCY", "0")]).unwrap_err();
    insta::assert_snapshot!(error, @r"
    error[unknown-key]: `database.ulr` is not a known key
     --> waystation.toml:6:1
      |
    6 | ulr = …
      | ^^^
      = help: did you mean `url`?

    error[wrong-type]: `plugins.a.file` must be a string, not an integer
     --> waystation.toml:8:9
      |
    8 |  file = 1 # ü
      |         ^
      = help: put it in quotes

    error[out-of-range]: `checks.concurrency` must be from 1 to 256, not 0
     --> environment variable WAYSTATION_CHECKS__CONCURRENCY

    the configuration has 3 problems
    ");
    let json = error.to_json();
    assert_eq!(json["code"], "config-invalid");
    assert_eq!(
        json["problems"][0],
        json!({
            "level": "error",
            "code": "unknown-key",
            "path": "waystation.toml",
            "key": "database.ulr",
            "line": 6,
            "column": 1,
            "message": "`database.ulr` is not a known key",
            "hint": "did you mean `url`?",
        })
    );
    assert!(!json.to_string().contains("s3cret"));
}

#[test]
fn no_message_shows_what_may_be_a_secret() {
    for text in [
        "database.url = \"mysql://u:s3cret@h/d\"",
        "database.ulr = \"s3cret\"",
        "[database]\nurl = { x = \"s3cret\" }",
        "[database]\nurl = \"\"\"postgres://u:\ns3cret@h/d\"\"\"\nnothing = 1",
        "[plugins.a]\nfile = \"a\"\ncredentials.t = { from = { env = \"X\" }, value = \"s3cret\", use = \"hmac\" }",
        "[plugins.a]\nfile = \"a\"\n[plugins.a.credentials.t.secret]\nvalue = { is = [\"s3cret\"] }",
        "[plugins.a]\nfile = \"a\"\n[[plugins.a.grants.http]]\norigin = \"https://u:s3cret@a.example\"",
        "database.url = postgres://u:s3cret@h/d",
        "password = s3cret",
        "server.public_url = \"https://u:s3cret@a.example\"",
        "checks.schedule = \"https://u:s3cret@a.example\"",
        "[plugins.a]\nfile = \"a\"\n[items.x]\nsource = \"a\"\nlocator = \"l\"\npolicy.pin = \"https://u:s3cret@a.example\"",
    ] {
        let error = parse(text).unwrap_err();
        assert!(!format!("{error} {} {error:?}", error.to_json()).contains("s3cret"), "{error}");
    }
}

#[test]
fn a_file_that_is_no_text_is_told_with_its_place() {
    let read = |bytes: &[u8]| told(Config::parse(Some(("f", bytes)), &Environment::default()));
    assert_eq!(
        read(b"[server]\n# \xff"),
        ["2:3 syntax the file is not UTF-8 from here on | save it as UTF-8"]
    );
    let large = vec![b'#'; usize::try_from(MAX_CONFIG).unwrap() + 1];
    assert_eq!(
        read(&large),
        [
            "- file-unreadable the configuration is larger than 1048576 bytes | check that it is the right file"
        ]
    );
    assert_eq!(
        Config::parse(Some(("f", b"\xef\xbb\xbf[server]")), &Environment::default()),
        Ok(Config::default())
    );
}
