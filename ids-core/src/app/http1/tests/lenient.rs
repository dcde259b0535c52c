//! What lenient clients and servers make sense of, and what is odd about it.

use super::*;

/// What of a response ends up in `http.response_body`.
fn content(response: &str) -> (Option<String>, Vec<&'static str>) {
    let connection = run(&[c("GET /f HTTP/1.1\r\nHost: h\r\n\r\n"), s(response), Act::End(Dir::ToClient)]);
    let txs = connection.txs();
    assert_eq!(txs.len(), 1, "{response:?}");
    (field(txs[0], "http.response_body", Dir::ToClient, 0), events(txs[0]))
}

#[test]
fn framing_with_leniency() {
    let rows = [
        ("HTTP/1.1 200 OK\r\n\r\nto the end", "to the end"),
        ("HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", "abc"),
        ("HTTP/1.1 200 OK\rContent-Length: 3\r\rContent-Type: x\r\n\nabc", "abc"),
        ("HTTP/1.1 200 OK\n\rContent-Length: 3\n\rX: y\r\n\r\nabc", "abc"),
        ("\r\n \t\r\n\0HTTP/1.1 \t200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: \r\n 3\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 1\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: (3) 4\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "abc"),
        ("HTTP/1.1 200 OK\r\nTransfer\0-encoding : x\0 Chu\0nked,\r\n\r\n2\nab\n1;x\nc\n0\n", "abc"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding\r\n :\r\n chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"),
        ("HTTP/1.1 200 OK\r\nX: y\r\n\tTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunks", "no chunks"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n3\r\nabc\r\n0\r\nTrail: er\r\n\r\n",
            "abc",
        ),
        ("HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"),
        ("HTTP/1.1 101 ok\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        ("HTTP/1.1foobar\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        ("SIP/2.0 200 ok\r\nHTTP/1.1 200 ok\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        (" foobar\r\nHTTP/1.1 200 ok\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        ("no status line\r\nat all", "no status line\r\nat all"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\n \nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n \r\nX: y\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\n\r\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\n\r\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc and more", "abc and more"),
    ];
    for (response, expected) in rows {
        assert_eq!(content(response).0.as_deref(), Some(expected), "{response:?}");
    }
    for none in [
        "HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 204 N\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
        assert_eq!(content(none), (None, vec![]), "{none:?}");
    }
}

#[test]
fn events_of_responses() {
    let head = "HTTP/1.1 200 OK\r\n";
    let rows = [
        ("Content-Length: x\r\n\r\n", "invalid_content_length_field_in_response"),
        ("Content-Length: 1x\r\n\r\na", "content_length_extra_data_end"),
        ("Content-Length: -1\r\n\r\na", "content_length_extra_data_start"),
        ("Transfer-Encoding: gzip\r\n\r\n", "invalid_transfer_encoding_value_in_response"),
        ("Transfer-Encoding: chunked\r\n\r\nzzz", "invalid_response_chunk_len"),
        ("Transfer-Encoding: chunked\r\n\r\n1;e\r\na\r\n0\r\n\r\n", "response_chunk_extension"),
        ("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "response_abnormal_transfer_encoding"),
        ("nothing\r\nContent-Length: 0\r\n\r\n", "response_field_missing_colon"),
        (": x\r\nContent-Length: 0\r\n\r\n", "response_invalid_empty_name"),
        ("X : x\r\nContent-Length: 0\r\n\r\n", "response_invalid_lws_after_name"),
        ("X/: x\r\nContent-Length: 0\r\n\r\n", "response_header_name_not_token"),
        (" x: y\r\nContent-Length: 0\r\n\r\n", "invalid_response_field_folding"),
        ("Set-Cookie: a\r\nset-cookie: b\r\nContent-Length: 0\r\n\r\n", "response_header_repetition"),
        ("Content-Type: multipart/byteranges; boundary=x\r\n\r\n", "response_multipart_byteranges"),
        ("Content-Encoding: foo\r\nContent-Length: 0\r\n\r\n", "abnormal_ce_header"),
        ("Content-Encoding: gzip, gzip,gzip\r\nContent-Length: 0\r\n\r\n", "too_many_encoding_layers"),
        ("Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", "gzip_decompression_failed"),
        ("Content-Range: bytes 5-1/9\r\nContent-Length: 3\r\n\r\nabc", "range_invalid"),
        ("Content-Length: 3\r\n\r\nabc\n", "response_body_unexpected"),
        ("Content-Length: 0\n\r\r\n\r\n", "deformed_eol"),
    ];
    for (rest, event) in rows {
        let (_, events) = content(&format!("{head}{rest}"));
        assert_eq!(events, [event], "{rest:?}");
    }
    let doubled = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n";
    let expected = ["response_header_repetition", "duplicate_content_length_field_in_response"];
    assert_eq!(content(doubled).1, expected);
    let twice = "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(content(twice).1, ["100_continue_already_seen"]);
    let repeated = |times| format!("{head}{}Content-Length: 0\r\n\r\n", "nothing\r\n".repeat(times));
    let few = ["response_field_missing_colon", "response_header_repetition"];
    assert_eq!(content(&repeated(20)).1, few);
    assert_eq!(content(&repeated(100)).1, [few[0], few[1], "too_many_warnings"]);
    let old = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(content(old).1, ["response_chunked_old_proto"]);
}

#[test]
fn events_of_requests() {
    let rows: [(&str, &[&str]); 24] = [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", &[]),
        ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", &[]),
        ("GET / HTTP/1.1\r\n\r\n", &["missing_host_header"]),
        (" GET / HTTP/1.0\r\n\r\n", &["request_line_leading_whitespace"]),
        ("GET\t/ HTTP/1.0\r\n\r\n", &["method_delim_non_compliant"]),
        ("GET /\tHTTP/1.0\r\n\r\n", &["uri_delim_non_compliant"]),
        ("GET /\nHost: h\n\n", &["request_line_missing_protocol"]),
        ("GET /\r\n\r\n", &[]),
        ("GETHTTP/1.1\nHost: h\n\n", &["request_line_unknown_method", "request_line_missing_protocol"]),
        ("GET/ HTTP/1.1\nHost: h\n\n", &["request_line_unknown_method_no_protocol", "request_line_missing_protocol"]),
        ("T / HTTP\n\n", &["request_line_unknown_method_invalid_protocol"]),
        ("QUERY / HTTP/1.0\n\n", &[]),
        ("GET /evil%2527sqli HTTP/1.0\r\n\r\n", &["double_encoded_uri"]),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", &["request_header_host_invalid"]),
        ("GET / HTTP/1.1\r\nHost: h:x\r\n\r\n", &["invalid_server_port_in_request"]),
        ("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", &["host_header_ambiguous"]),
        ("GET http://a'/ HTTP/1.0\r\n\r\n", &["request_uri_host_invalid"]),
        ("GET / HTTP/1.0\r\nAuthorization: Turbo x\r\n\r\n", &["request_auth_unrecognized"]),
        ("GET / HTTP/1.0\r\nAuthorization: BASIC x\r\n\r\n", &[]),
        (
            "POST / HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            &["request_header_repetition", "duplicate_content_length_field_in_request"],
        ),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0 ; a=b\r\n\r\n", &["request_chunk_extension"]),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: x\r\n\r\n", &["invalid_transfer_encoding_value_in_request"]),
        ("GET / HTTP/1.0\r\n fold\r\n\r\n", &["invalid_request_field_folding", "request_field_missing_colon"]),
        (
            "POST / HTTP/1.0\r\nContent-Length: -1\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n",
            &["content_length_extra_data_start", "request_body_unexpected"],
        ),
    ];
    for (request, expected) in rows {
        let connection = run(&[c(request)]);
        assert_eq!(connection.txs().len(), 1, "{request:?}");
        assert_eq!(events(connection.txs()[0]), expected, "{request:?}");
    }
}
