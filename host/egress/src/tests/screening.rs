//! The address that is checked is the address that is connected to.

use super::*;

const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

async fn loopback(
    screening: Screening,
    addresses: &[&str],
) -> (Server, Result<(u16, Bytes), EgressError>, Record) {
    let server = Server::http(|_| text("hello")).await;
    let mut setup = Setup { screening, ..Setup::granting(&[server.origin("a")]) };
    setup.policy.grants[0].addresses = addresses.iter().map(|net| net.parse().unwrap()).collect();
    let bench = setup.bench();
    let outcome = bench.fetch(&server.origin("a")).await;
    let record = bench.record();
    (server, outcome, record)
}

#[tokio::test]
async fn loopback_needs_both_keys() {
    let (on, off) = (Screening { allow_private: true }, Screening { allow_private: false });
    for (screening, addresses, missing) in [
        (off, &[][..], MissingKeys::Both),
        (off, &["127.0.0.0/8"], MissingKeys::HostFlag),
        (on, &[], MissingKeys::Grant),
        (on, &["10.0.0.0/8", "::1/128"], MissingKeys::Grant),
    ] {
        let (server, outcome, record) = loopback(screening, addresses).await;
        let EgressError::AddressRefused(refusal) = outcome.unwrap_err() else {
            panic!("not an address-refused")
        };
        assert_eq!((refusal.missing, refusal.refused.range.name), (missing, "loopback"));
        assert_eq!(record.address, Some(server.address));
        assert!(matches!(record.verdict, Verdict::Denied(Reason { code: "address-refused", .. })));
        assert_eq!(server.opened(), 0);
    }
    let (server, outcome, _) = loopback(on, &["127.0.0.0/8"]).await;
    assert_eq!((outcome.unwrap().0, server.opened()), (200, 1));
}

#[tokio::test]
async fn an_address_literal_is_screened_in_every_spelling() {
    let server = Server::http(|_| text("hello")).await;
    let port = server.address.port();
    for spelling in
        ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "[::1]", "0"]
    {
        let origin = format!("http://{spelling}:{port}");
        let mut setup = Setup::granting(std::slice::from_ref(&origin));
        setup.policy.grants[0].addresses.clear();
        let bench = setup.bench();
        // Some spellings are no URI to begin with; none gets through.
        if let Ok(request) = Request::get(&origin).body(Empty::<Bytes>::new()) {
            assert_eq!(code(bench.client.send(request).await), "address-refused", "{spelling}");
        }
        assert_eq!(bench.table.lookups(), 0);
    }
    assert_eq!(server.opened(), 0);
    // With both keys turned, each spelling is the one granted origin.
    let bench = Setup::granting(&[format!("http://127.0.0.1:{port}")]).bench();
    assert_eq!(code(bench.fetch(&format!("http://0x7f.1:{port}")).await), "ok");
}

#[tokio::test]
async fn one_refused_address_among_the_answers_refuses_the_request() {
    let server = Server::http(|_| text("hello")).await;
    for second in ["10.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254", "::ffff:10.0.0.1", "64:ff9b::a00:1"]
    {
        let second: IpAddr = second.parse().unwrap();
        for answer in [[LOOPBACK, second], [second, LOOPBACK]] {
            let bench =
                Setup { table: Table::always(&answer), ..Setup::granting(&[server.origin("a")]) }.bench();
            let error = bench.get(&server.origin("a")).await.unwrap_err();
            assert!(
                error.code() == "address-refused" && error.to_string().contains(&second.to_string()),
                "{error}"
            );
        }
    }
    assert_eq!(server.opened(), 0);
}

#[tokio::test]
async fn a_name_that_changes_between_lookups_is_looked_up_once() {
    // 127.0.0.1 stands for the public server, 127.0.0.2 for the internal one on the same port.
    let public = Server::http(|_| {
        let mut response = text("public");
        response.headers_mut().insert("connection", "close".parse().unwrap());
        response
    })
    .await;
    let internal = TcpListener::bind((OTHER, public.address.port())).await.unwrap();
    let internal = Server::on(internal, |stream| http1(stream, |_| text("internal")));
    let table = Table::script(&[&[LOOPBACK], &[OTHER], &[LOOPBACK], &[OTHER]]);
    let mut setup = Setup { table, ..Setup::granting(&[public.origin("a")]) };
    setup.policy.grants[0].addresses = vec!["127.0.0.1/32".parse().unwrap()];
    let bench = setup.bench();
    for round in 0..2 {
        assert_eq!(bench.fetch(&public.origin("a")).await.unwrap().1, "public");
        assert_eq!((bench.last().address, bench.table.lookups()), (Some(public.address), 2 * round + 1));
        assert_eq!(code(bench.fetch(&public.origin("a")).await), "address-refused");
        assert_eq!(bench.table.lookups(), 2 * round + 2);
    }
    assert_eq!((public.opened(), internal.opened()), (2, 0));
}
