//! As much of HTTP/1.1 as a local socket needs: `curl --unix-socket run/agent.sock http://device/health`.

use std::io::{self, BufRead, Read, Write};

/// The longest head of a request, in bytes.
const MAX_HEAD: u64 = 16 << 10;
/// The longest body, in bytes.
pub const MAX_BODY: u64 = 64 << 20;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, from its slash on.
    pub path: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Reads a request; `None` at the end of the connection.
///
/// # Errors
///
/// Where it is no request, or too long.
pub fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let (first, headers) = match read_head(reader)? {
        Some(head) => head,
        None => return Ok(None),
    };
    let mut words = first.split(' ');
    let (Some(method), Some(path), Some(version)) = (words.next(), words.next(), words.next()) else {
        return Err(malformed("request line"));
    };
    if !version.starts_with("HTTP/1.") {
        return Err(malformed("version"));
    }
    let body = read_body(reader, &headers)?;
    Ok(Some(Request { method: method.into(), path: path.into(), body }))
}

/// Writes a response.
///
/// # Errors
///
/// Where the connection is gone.
pub fn write_response(writer: &mut impl Write, status: u16, body: &[u8]) -> io::Result<()> {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        _ => "Service Unavailable",
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    writer.write_all(head.as_bytes())?;
    writer.write_all(body)?;
    writer.flush()
}

/// Asks for a path, and reads status and body.
///
/// # Errors
///
/// Where the connection is gone, or what answers is not HTTP.
pub fn get(mut stream: impl Read + Write, path: &str) -> io::Result<(u16, Vec<u8>)> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: device\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut reader = io::BufReader::new(stream);
    let (first, headers) = read_head(&mut reader)?.ok_or_else(|| malformed("response"))?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| malformed("status"))?;
    Ok((status, read_body(&mut reader, &headers)?))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed HTTP: {what}"))
}

type Head = (String, Vec<(String, String)>);

fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut limited = reader.take(MAX_HEAD);
    let mut line = || -> io::Result<String> {
        let mut line = String::new();
        limited.read_line(&mut line)?;
        Ok(line)
    };
    let first = line()?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut headers = vec![];
    loop {
        let line = line()?;
        match line.trim_end() {
            _ if !line.ends_with('\n') => return Err(malformed("head too long or cut short")),
            "" => return Ok(Some((first.trim_end().into(), headers))),
            header => {
                let (name, value) = header.split_once(':').ok_or_else(|| malformed("header"))?;
                headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
    }
}

fn read_body(reader: &mut impl BufRead, headers: &[(String, String)]) -> io::Result<Vec<u8>> {
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(Ok(0), |(_, value)| value.parse::<u64>());
    let length = length.ok().filter(|&length| length <= MAX_BODY).ok_or_else(|| malformed("content length"))?;
    let mut body = vec![];
    reader.take(length).read_to_end(&mut body)?;
    if body.len() as u64 == length { Ok(body) } else { Err(malformed("body cut short")) }
}
