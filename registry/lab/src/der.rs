//! DER, as much of it as certificates and timestamps are made of (X.690).

/// A value under a tag.
pub fn tagged(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = match content.len() {
        short @ 0..128 => vec![short as u8],
        long => {
            let bytes: Vec<u8> = long.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect();
            [&[0x80 | bytes.len() as u8], bytes.as_slice()].concat()
        }
    };
    [&[tag], length.as_slice(), &content].concat()
}

pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tagged(0x30, parts)
}

pub fn set(parts: &[&[u8]]) -> Vec<u8> {
    tagged(0x31, parts)
}

pub fn octets(bytes: &[u8]) -> Vec<u8> {
    tagged(0x04, &[bytes])
}

/// Without unused bits.
pub fn bits(bytes: &[u8]) -> Vec<u8> {
    tagged(0x03, &[&[0], bytes])
}

pub fn utf8(text: &str) -> Vec<u8> {
    tagged(0x0c, &[text.as_bytes()])
}

pub fn number(value: u8) -> Vec<u8> {
    tagged(0x02, &[&[value]])
}

pub fn oid(text: &str) -> Vec<u8> {
    let arcs: Vec<u64> = text.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut bytes = vec![(arcs[0] * 40 + arcs[1]) as u8];
    for arc in &arcs[2..] {
        let mut groups = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            groups.push(0x80 | (rest & 0x7f) as u8);
            rest >>= 7;
        }
        groups.reverse();
        bytes.extend(groups);
    }
    tagged(0x06, &[&bytes])
}

/// A time of the years up to 2049.
pub fn utc_time(seconds: i64) -> Vec<u8> {
    tagged(0x17, &[format(seconds, "%y%m%d%H%M%SZ").as_bytes()])
}

pub fn generalized_time(seconds: i64) -> Vec<u8> {
    tagged(0x18, &[format(seconds, "%Y%m%d%H%M%SZ").as_bytes()])
}

fn format(seconds: i64, form: &str) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().strftime(form).to_string()
}

/// A name of one common name.
pub fn name(common: &str) -> Vec<u8> {
    sequence(&[&set(&[&sequence(&[&oid("2.5.4.3"), &utf8(common)])])])
}
