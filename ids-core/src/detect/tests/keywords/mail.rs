//! Fields of mail.

use super::super::Step;
use super::{Case, case, client, server};

/// Rules on SMTP with these options: they fire on one mail and not on another that differs in everything.
const FIELDS: [&str; 15] = [
    "smtp.helo; content:\"one.example\"; bsize:11",
    "smtp.mail_from; content:\"<a@one.example>\"; bsize:15",
    "smtp.rcpt_to; content:\"<c@one.example>\"; bsize:15",
    "email.from; content:\"A <a@one.example>\"; bsize:17",
    "email.subject; content:\"first\"; bsize:5",
    "email.to; content:\"b@one.example, c@\"; startswith",
    "email.cc; content:\"d@one.example\"; bsize:13",
    "email.date; content:\"1 Jan\"; startswith",
    "email.message_id; content:\"<1@one.example>\"; bsize:15",
    "email.x_mailer; content:\"mailer-a\"; bsize:8",
    "email.received; content:\"from two.one.example\"; bsize:20",
    "email.url; content:\"www.one.example/x\"; bsize:17",
    "file.data; content:\"MZ-a\"; bsize:4",
    "file.name; content:\"one.exe\"; bsize:7",
    "file.magic; content:\"ends in -a\"",
];

pub(super) fn fields() -> Vec<Case> {
    let rule = |proto, options: &str| format!("alert {proto} any any -> any any ({options}; sid:1;)");
    let sent = FIELDS.iter().map(|options| case(&rule("smtp", options), mail(ONE), mail(TWO)));
    let of_messages = FIELDS.iter().filter(|options| !options.starts_with("smtp."));
    let fetched = of_messages.map(|options| case(&rule("pop3", options), fetch(ONE.1), fetch(TWO.1)));
    sent.chain(fetched).collect()
}

/// A message that a client fetches.
fn fetch(message: &str) -> Vec<Step> {
    vec![Step::Listen(110), server("+OK\r\n"), client("RETR 1\r\n"), server("+OK\r\n"), server(message)]
}

/// A mail: what the client says before the message, and the message.
fn mail((before, message): (&str, &str)) -> Vec<Step> {
    let lines = before.split_inclusive("\r\n").map(client);
    [server("220 mx.example ESMTP\r\n")].into_iter().chain(lines).chain([client(message)]).collect()
}

const ONE: (&str, &str) = (
    "EHLO one.example\r\nMAIL FROM:<a@one.example> SIZE=9\r\nRCPT TO:<b@one.example>\r\nRCPT TO:<c@one.example>\r\nDATA\r\n",
    "Received: from one.one.example\r\nReceived: from\r\n two.one.example\r\nFrom: A <a@one.example>\r\n\
     To: b@one.example, c@one.example\r\nCc: d@one.example\r\nSubject: first\r\nDate: 1 Jan 2026 00:00:00 +0000\r\n\
     Message-ID: <1@one.example>\r\nX-Mailer: mailer-a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
     --b\r\n\r\nsee http://one.example or http://www.one.example/x\r\n\
     --b\r\nContent-Disposition: attachment; filename=one.exe\r\nContent-Transfer-Encoding: base64\r\n\r\nTVotYQ==\r\n\
     --b--\r\n.\r\n",
);

const TWO: (&str, &str) = (
    "HELO two.example\r\nMAIL FROM:<a@two.example>\r\nRCPT TO:<b@two.example>\r\nDATA\r\n",
    "Received: from one.two.example\r\nFrom: A <a@two.example>\r\nTo: b@two.example\r\nCc: d@two.example\r\n\
     Subject: second\r\nDate: 2 Jan 2026 00:00:00 +0000\r\nMessage-ID: <2@two.example>\r\nX-Mailer: mailer-b\r\n\
     Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee http://www.two.example/x\r\n\
     --b\r\nContent-Disposition: attachment; filename=two.exe\r\n\r\nMZ-two\r\n--b--\r\n.\r\n",
);
