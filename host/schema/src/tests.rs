#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{MAX_BYTES, MAX_COST, Schema, key};

fn refused(schema: &Value) -> &'static str {
    Schema::parse(&schema.to_string()).err().map_or("accepted", |e| e.code())
}

fn told(schema: &Value, value: &Value) -> Vec<String> {
    let schema = Schema::parse(&schema.to_string()).unwrap();
    match schema.check(value) {
        Ok(()) => Vec::new(),
        Err(found) => found.0.iter().map(|m| format!("{} {}", key(&["c"], &m.path), m.message)).collect(),
    }
}

/// What a plugin that fetches from a registry could say of its configuration.
fn registry() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://plugins.example/registry",
        "type": "object",
        "additionalProperties": false,
        "required": ["registry"],
        "properties": {
            "registry": { "type": "string", "format": "uri" },
            "token": { "type": "string", "writeOnly": true, "minLength": 20, "pattern": "^tok_[a-z0-9]+$" },
            "pages": { "type": "integer", "minimum": 1, "maximum": 9 },
            "mode": { "enum": ["fast", "slow"] },
            "keys": { "oneOf": [{ "type": "string" }, { "type": "array", "items": { "$ref": "#/$defs/key" } }] },
            "names": { "type": "object", "additionalProperties": { "type": "string" } },
        },
        "$defs": { "key": { "type": "string", "minLength": 1 } },
    })
}

#[test]
fn what_fits_fits() {
    for value in [
        json!({ "registry": "https://a.example" }),
        json!({ "registry": "https://a.example", "token": "tok_0123456789abcdef", "pages": 3, "mode": "fast" }),
        json!({ "registry": "https://a.example", "keys": "k", "names": { "a/b": "c" } }),
        json!({ "registry": "https://a.example", "keys": ["k"] }),
    ] {
        assert_eq!(told(&registry(), &value), Vec::<String>::new(), "{value}");
    }
    assert!(Schema::default().check(&json!({ "any": "thing" })).is_ok());
    assert!(Schema::parse(" ").unwrap().check(&json!({ "any": "thing" })).is_ok());
}

#[test]
fn every_mismatch_is_told_with_the_key_that_was_written() {
    let value = json!({
        "registri": "https://a.example", "pages": 10, "mode": "lazy", "keys": ["k", ""], "names": { "a/b~": 1 },
        "something else": 1,
    });
    let mut told = told(&registry(), &value);
    told.sort();
    assert_eq!(
        told,
        [
            "c.\"something else\" is not known to the plugin, which takes `keys`, `mode`, `names`, `pages`, `registry`, `token`",
            "c.keys[1] must not be empty",
            "c.mode must be one of `fast`, `slow`",
            "c.names.\"a/b~\" must be a string",
            "c.pages must be at most 9",
            "c.registri is not known to the plugin; did you mean `registry`?",
            "c.registry must be given",
        ]
    );
    let found = Schema::parse(&registry().to_string()).unwrap().check(&value).unwrap_err();
    assert!(found.0.iter().any(|m| m.pointer() == "/names/a~1b~0"), "{found:?}");
    assert!(found.0.iter().any(|m| m.pointer() == "/keys/1"), "{found:?}");
}

#[test]
fn types_and_forms_have_words() {
    let schema = json!({ "properties": {
        "a": { "type": ["integer", "null"] }, "b": { "anyOf": [{ "type": "integer" }, { "type": "boolean" }] },
        "c": { "type": "string", "format": "uri" }, "d": { "type": "array", "minItems": 2, "uniqueItems": true },
        "e": false, "f": { "type": "string", "pattern": "^x" },
    } });
    let value = json!({ "a": "s", "b": "s", "c": "not a uri", "d": [1], "e": 1, "f": "y" });
    let told = told(&schema, &value).join("\n");
    for line in [
        "c.a must be ",
        "c.b has none of the forms",
        "c.c must be of the format `uri`",
        "c.d must have at least 2 entries",
        "c.e must not be given",
        "c.f must match the regular expression `^x`",
    ] {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
}

#[test]
fn no_message_quotes_a_value() {
    let secret = "tok_SECRET";
    for value in [
        json!({ "registry": secret, "token": secret, "mode": secret, "keys": [secret, 1], "pages": secret }),
        json!({ "registry": [secret], "token": { "a": secret }, "names": { "n": [secret] }, "keys": { "x": secret } }),
        json!([secret]),
        json!(secret),
    ] {
        let told = told(&registry(), &value).join("\n");
        assert!(!told.is_empty() && !told.contains(secret), "{told}");
    }
}

#[test]
fn what_a_schema_says_is_cut_and_cleaned() {
    let schema = json!({ "properties": { "a": { "enum": [format!("\u{1b}[31m{}", "x".repeat(5_000))] } } });
    let told = told(&schema, &json!({ "a": 1 })).join("");
    assert!(told.len() < 400 && !told.contains('\u{1b}'), "{told}");
}

#[test]
fn a_schema_that_is_none_is_refused() {
    for schema in [
        json!({ "type": "nonsense" }),
        json!({ "minimum": "one" }),
        json!({ "properties": [] }),
        json!({ "$schema": "http://json-schema.org/draft-04/schema#" }),
        json!({ "$schema": 7 }),
        json!(7),
        json!({ "pattern": "(" }),
    ] {
        assert_eq!(refused(&schema), "schema-invalid", "{schema}");
    }
    assert_eq!(Schema::parse("{").unwrap_err().code(), "schema-invalid");
}

#[test]
fn no_schema_refers_to_another_document() {
    for reference in [
        "https://elsewhere.example/schema.json",
        "file:///etc/passwd",
        "/etc/passwd",
        "other.json#/a",
        "//elsewhere.example/x",
        "https://json-schema.org/draft/2020-12/schema",
        "#anchor",
        "#/%24defs/a",
        "#/nowhere",
    ] {
        let schema = json!({ "properties": { "a": { "$ref": reference } }, "$defs": { "a": {} } });
        assert_eq!(refused(&schema), "schema-reference", "{reference}");
    }
    for schema in [
        json!({ "properties": { "a": { "$id": "https://elsewhere.example/", "$ref": "#/$defs/a" } }, "$defs": { "a": {} } }),
        json!({ "$dynamicRef": "#a" }),
        json!({ "items": { "$schema": "https://elsewhere.example/meta" } }),
    ] {
        assert_eq!(refused(&schema), "schema-reference", "{schema}");
    }
}

#[test]
fn a_schema_that_contains_itself_is_refused() {
    for schema in [
        json!({ "$ref": "#" }),
        json!({ "properties": { "a": { "$ref": "#" } } }),
        json!({ "allOf": [{ "$ref": "#/allOf/0" }] }),
        json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" }),
        json!({ "$defs": { "a": { "not": { "$ref": "#/$defs/a" } } }, "$ref": "#/$defs/a" }),
        json!({ "properties": { "a": { "items": { "$ref": "#/properties/a" } } } }),
        json!({ "$defs": { "a": { "x": { "$ref": "#/$defs/b/y" } }, "b": { "y": { "$ref": "#/$defs/a" } } } }),
    ] {
        assert_eq!(refused(&schema), "schema-reference", "{schema}");
    }
}

/// The chain doubles at each link, so that its work is two to the power of its length.
fn doubling(links: usize) -> Value {
    let mut defs = serde_json::Map::new();
    for link in 0..links {
        let next = json!({ "$ref": format!("#/$defs/d{}", link + 1) });
        defs.insert(format!("d{link}"), json!({ "allOf": [next, next] }));
    }
    defs.insert(format!("d{links}"), json!({ "type": "integer" }));
    json!({ "$defs": defs, "$ref": "#/$defs/d0" })
}

#[test]
fn work_is_bounded_before_anything_is_compiled() {
    assert_eq!(refused(&doubling(3)), "accepted");
    for links in [12, 15, 40, 400] {
        let began = Instant::now();
        assert_eq!(refused(&doubling(links)), "schema-too-large", "{links}");
        assert!(began.elapsed() < Duration::from_secs(1), "{links}");
    }
    let mut nested = json!({});
    for _ in 0..100 {
        nested = json!({ "not": nested });
    }
    assert_eq!(refused(&nested), "schema-too-large");
    let mut unevaluated = json!({});
    for _ in 0..12 {
        unevaluated = json!({ "unevaluatedProperties": false, "allOf": [unevaluated] });
    }
    assert_eq!(refused(&unevaluated), "schema-too-large");
    let long = json!({ "description": "x".repeat(MAX_BYTES) });
    assert_eq!(refused(&long), "schema-too-large");
    let wide = json!({ "enum": vec![1; MAX_COST] });
    assert_eq!(refused(&wide), "schema-too-large");
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    assert_eq!(Schema::parse(&deep).unwrap_err().code(), "schema-invalid");
}

#[test]
fn regular_expressions_take_linear_time_and_little_memory() {
    // Backtracking engines take two to the power of the text's length for these.
    for pattern in ["^(a+)+$", "^(a|aa)+$", "^(.*a){20}$"] {
        let schema = Schema::parse(&json!({ "pattern": pattern }).to_string()).unwrap();
        let began = Instant::now();
        assert!(schema.check(&json!(format!("{}!", "a".repeat(20_000)))).is_err(), "{pattern}");
        assert!(began.elapsed() < Duration::from_secs(5), "{pattern} took {:?}", began.elapsed());
    }
    for pattern in ["\\w{1000}{1000}", "(x{500}){500}", "^(?=a)b$", "^(a)\\1$"] {
        let began = Instant::now();
        assert_eq!(refused(&json!({ "pattern": pattern })), "schema-invalid", "{pattern}");
        assert_eq!(refused(&json!({ "patternProperties": { pattern: {} } })), "schema-invalid", "{pattern}");
        assert!(began.elapsed() < Duration::from_secs(5), "{pattern} took {:?}", began.elapsed());
    }
    let many: Vec<Value> = (0..200).map(|n| json!({ "pattern": format!("\\w{{60}}{n}") })).collect();
    assert_eq!(refused(&json!({ "allOf": many })), "schema-too-large");
}

#[test]
fn the_worst_that_passes_is_quick() {
    let nest = |levels: usize, word: &str| {
        (0..levels).fold(json!({ "type": "integer" }), |inner, _| json!({ word: [inner] }))
    };
    let mut unevaluated = json!({ "properties": { "z": {} } });
    for _ in 0..7 {
        unevaluated = json!({ "unevaluatedProperties": false, "anyOf": [unevaluated] });
    }
    let patterns: Vec<Value> =
        (0..80).map(|n| json!({ "pattern": format!("^[a-z]{{{n}}}\\w{{90}}$") })).collect();
    let falses = vec![json!(false); 2_000];
    for schema in [
        nest(12, "anyOf"),
        nest(12, "oneOf"),
        unevaluated,
        json!({ "allOf": patterns }),
        json!({ "items": { "allOf": falses } }),
        json!({ "items": { "multipleOf": 1e-300 }, "uniqueItems": true }),
        json!({ "items": { "multipleOf": 1e-9, "minimum": 1e308 } }),
        json!({ "contains": { "multipleOf": 3 }, "minContains": 4_000_000_000_u64 }),
    ] {
        for value in [json!({ "a": 1, "b": { "c": 2 } }), json!(vec![0.1; 400]), json!(vec!["a"; 90_000])] {
            let began = Instant::now();
            match Schema::parse(&schema.to_string()) {
                Ok(schema) => drop(schema.check(&value)),
                Err(e) => assert_eq!(e.code(), "schema-too-large", "{schema}"),
            }
            assert!(began.elapsed() < Duration::from_secs(5), "{schema} took {:?}", began.elapsed());
        }
    }
}
